/** When a vnet's file is written, and by which process. */
import fs, { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import promises from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Announcement } from '#src/control/server/presence.ts'
import { replaceBuiltin } from '#support/builtin.ts'
import { freshDirectory } from '#support/fresh-directory.ts'

const renameSync = vi.fn(fs.renameSync)
const rename = vi.fn(promises.rename)
const directory = freshDirectory()
let announcement: Announcement
let name: string
const failed = vi.fn()
const interfaces = vi.fn(() => [{ name, ifindex: 7, inode: 1 }])
const update = (to: string) => {
  name = to
  announcement.update(interfaces, failed)
}
const shown = () => {
  const file = readdirSync(directory).find(file => file.endsWith('.json')) as string
  return JSON.parse(readFileSync(join(directory, file), 'utf8')).interfaces[0].name
}
const writes = () => [renameSync.mock.calls.length, rename.mock.calls.length]

beforeEach(() => {
  vi.clearAllMocks()
  rename.mockReset()
  replaceBuiltin(fs, { renameSync })
  replaceBuiltin(promises, { rename })
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  announcement = new Announcement(directory)
  // Of two changes in quick succession, the second is for threads.
  update('first')
})
afterEach(async () => {
  vi.useRealTimers()
  await announcement.remove()
})

/** Waits until threads have written the file so often. */
async function written(times: number): Promise<void> {
  while (rename.mock.settledResults.filter(({ type }) => type === 'fulfilled').length < times) {
    await setImmediate()
  }
  await setImmediate()
}

test('a change after a second without one is written before update returns', () => {
  vi.advanceTimersByTime(1001)
  update('one')
  expect([shown(), writes()]).toEqual(['one', [2, 0]])
})

test('1,000 changes in a second are written every 100 ms, by threads, and the last one is kept', async () => {
  for (let i = 1; i <= 1000; i++) {
    update(`name${i}`)
    vi.advanceTimersByTime(1)
    if (i % 100 === 0) {
      await written(i / 100)
    }
  }
  expect(writes()).toEqual([1, 10])
  update('last')
  vi.advanceTimersByTime(100)
  await written(11)
  expect([shown(), interfaces.mock.calls.length]).toEqual(['last', 12])
})

test('a change while threads write is written afterwards', async () => {
  update('one')
  vi.advanceTimersByTime(100)
  update('two')
  await written(1)
  vi.advanceTimersByTime(100)
  await written(2)
  expect(shown()).toBe('two')
})

test('a new interface that is written meanwhile is not lost', async () => {
  update('one')
  vi.advanceTimersByTime(100)
  name = 'two'
  announcement.write(interfaces())
  await written(1)
  vi.advanceTimersByTime(100)
  await written(2)
  expect(shown()).toBe('two')
})

test('removing the files waits for the threads that write them', async () => {
  update('one')
  vi.advanceTimersByTime(100)
  await announcement.remove()
  expect(failed).not.toHaveBeenCalled()
  expect(fs.existsSync(directory)).toBe(false)
  update('two')
  expect(vi.getTimerCount()).toBe(0)
})

test('files that a thread writes after they were removed are removed, too', async () => {
  const { writeFile } = promises
  let release = () => {}
  const released = new Promise<void>(resolve => {
    release = resolve
  })
  replaceBuiltin(promises, {
    writeFile: async (...args) => {
      await released
      await writeFile(...args)
    },
  })
  // The directory remains, because another vnet has a file in it.
  writeFileSync(join(directory, 'other'), '')
  update('one')
  vi.advanceTimersByTime(100)
  const removed = announcement.remove()
  release()
  await removed
  await written(1)
  expect(readdirSync(directory)).toEqual(['other'])
})

test('an error of a thread is reported', async () => {
  update('one')
  rename.mockRejectedValue(new Error('no space'))
  vi.advanceTimersByTime(100)
  while (failed.mock.calls.length === 0) {
    await setImmediate()
  }
  expect(failed.mock.calls).toEqual([[new Error('no space')]])
})
