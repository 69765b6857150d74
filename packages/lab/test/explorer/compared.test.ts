/** What runs return is compared with clean runs, without the lines in which these differ. */
import { expect, test } from 'vitest'
import { Expected, ReturnedText, textOfReturned } from '../../src/explore/compared.ts'
import { explore } from '../../src/explore/index.ts'
import type { ScenarioRun } from '../../src/explore/scenario.ts'

test.each<[string, string, string | undefined]>([
  ['the same', 'a\n2 ms\nc', undefined],
  ['another time in a line that differs without faults', 'a\n9 ms\nc', undefined],
  ['another line', 'a\n1 ms\nd', "line 3 is 'd' instead of 'c'"],
  ['a line less', 'a\n1 ms', "line 3 is missing instead of 'c'"],
  ['a line more', 'a\n1 ms\nc\nd', '4 lines instead of 3'],
])('a run that returns %s is compared by its lines', (_, text, difference) => {
  const expected = new Expected(['a\n1 ms\nc', 'a\n2 ms\nc', 'a\n3 ms\nc'])
  expect(expected.uncompared).toBeUndefined()
  expect(expected.differenceOf(text)).toBe(difference)
})

test.each([
  [['a\nb', 'a'], 'clean runs return different numbers of lines, so that none are compared'],
  [['a', 'b'], 'clean runs differ in each line that they return, so that none is compared'],
])('clean runs that return %j are not compared', (clean, why) => {
  const expected = new Expected(clean)
  expect([expected.uncompared, expected.differenceOf('c')]).toEqual([why, undefined])
})

test('text past the first MiB is compared, too', () => {
  const returned = (last: string) => {
    const text = new ReturnedText()
    text.take('x'.repeat(2 ** 20 - 1))
    text.take(`yz${last}`)
    return text.end()
  }
  const expected = new Expected([returned('a')])
  expect(expected.differenceOf(returned('a'))).toBeUndefined()
  expect(expected.differenceOf(returned('b'))).toMatch(/^line 2 is '1048578 characters, the rest /)
})

test('values are compared as texts, and bytes as they are', () => {
  expect(textOfReturned(undefined)).toBe('')
  expect(textOfReturned('text')).toBe('text')
  expect(textOfReturned(Uint8Array.of(0x61, 0xff))).toBe('a\xff')
  expect(textOfReturned({ b: [1], a: new Set([2]) })).toBe('{ a: Set(1) { 2 }, b: [ 1 ] }')
})

/** Returns how many datagrams of two have arrived. */
async function arrived({ lab }: ScenarioRun): Promise<string> {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  let count = 0
  const receiver = await server.createSocket('udp4', 5000)
  receiver.on('message', () => count++)
  const sender = await client.createSocket('udp4')
  sender.send('one', 5000, 'server')
  sender.send('two', 5000, 'server')
  await lab.sleep(10)
  return `${count} of 2`
}

test('a run that passes with another result fails if results are compared, and its test compares them', async () => {
  const options = { world: 'memory', captures: false, faults: ['drop'], stopAt: 1 } as const
  expect((await explore(arrived, options)).failures).toEqual([])
  const { failures } = await explore(arrived, { ...options, compare: true })
  const error =
    "passed, but not with the result of a run without faults: line 1 is '1 of 2' instead of '2 of 2'"
  expect(failures).toMatchObject([{ error, failed: 4, runs: 4 }])
  const [failure] = failures
  expect(failure!.test).toContain(', compare: true')
  const again = { world: 'memory', timeout: '5s' } as const
  await explore.repeat(arrived, failure!.faults, again)
  await expect(
    explore.repeat(arrived, failure!.faults, { ...again, compare: true }),
  ).rejects.toThrow(error)
})
