/** How the output of a guest becomes the results of its tests, with a fake of the guest. */
import { Buffer } from 'node:buffer'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import * as guestModule from '../../guest/src/guest.ts'
import type { GuestResult } from '../src/guest/guest-protocol.ts'
import { takeGuestResults } from '../src/guest/guest-tests.ts'

/** The output of the guest, and its report. */
const guest = { output: '', lost: 0, failures: [] as string[] }

const printed: string[] = []
beforeEach(() => {
  Object.assign(guest, { lost: 0, failures: [] })
  printed.length = 0
  vi.spyOn(guestModule, 'runInGuest').mockImplementation(async (_command, { onOutput }) => {
    for (const byte of Buffer.from(guest.output)) {
      onOutput('out', Buffer.of(byte))
    }
    return guest as Partial<guestModule.GuestReport> as guestModule.GuestReport
  })
  vi.spyOn(console, 'error').mockImplementation(line => printed.push(line))
})
afterEach(() => vi.restoreAllMocks())

const line = (record: GuestResult): string => `${JSON.stringify(record)}\n`

async function resultsOf(output: string) {
  guest.output = output
  const tests: { id: string; meta: object; result?: object }[] = ['one', 'two'].map(id => ({
    id,
    meta: {},
  }))
  await takeGuestResults({ filepath: 'a.test.js' }, tests)
  return tests.map(({ result }) => result)
}

test('lines that are not results are ignored, and characters in several parts of the output are whole', async () => {
  const one = line({ id: 'one', state: 'skipped', note: 'so früh', errors: [], captures: [] })
  const two = line({ id: 'two', state: 'passed', errors: [], captures: [] })
  expect(await resultsOf(`"cut"}\n${one}null\n7\n${two}`)).toEqual([
    expect.objectContaining({ state: 'skip', note: 'so früh' }),
    expect.objectContaining({ state: 'pass' }),
  ])
})

test('a lost result fails its test with the reason, and each file that is not written back is a line', async () => {
  Object.assign(guest, { lost: 9, failures: ['a file is not written back: EISDIR'] })
  const two = line({ id: 'two', state: 'passed', errors: [], captures: [] })
  const message = '9 bytes of results and files are lost: a guest has 1 GiB for them'
  expect(await resultsOf(two)).toMatchObject([
    { state: 'fail', errors: [{ message }] },
    { state: 'pass' },
  ])
  expect(printed).toEqual(['vnet: a file is not written back: EISDIR'])
})
