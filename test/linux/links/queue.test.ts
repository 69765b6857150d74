/** Which events of a flood a port reports, and when. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Work } from '#src/base/turns.ts'
import { LISTS_MS, LISTS_PART, LISTS_PAUSE_MAX, LinkQueue } from '#src/linux/links/queue.ts'
import type { Link } from '#src/linux/rtnetlink.ts'
import { IFF_UP } from '#src/netdev/if.ts'

/** Work that is to be done, and a step of it on command. */
class Pending {
  readonly work = new Set<Work>()

  add(work: Work): void {
    this.work.add(work)
  }
  delete(work: Work): void {
    this.work.delete(work)
  }
  step(): void {
    for (const work of [...this.work]) {
      if (!work.step()) {
        this.work.delete(work)
      }
    }
  }
  run(): void {
    while (this.work.size > 0) {
      this.step()
    }
  }
}

let turns: Pending
let calls: string[]
let queue: LinkQueue
const port = {
  canRead: true,
  linkEvent: ({ name, flags }: Link) =>
    void calls.push(`${name} ${flags === IFF_UP ? 'up' : 'down'}`),
  reread: () => void calls.push('reread'),
  takes: 0,
  reportLists() {
    calls.push('lists')
    vi.advanceTimersByTime(port.takes)
    return port.canRead
  },
}
const link = (name: string, flags = IFF_UP, mtu = 1500) =>
  ({ name, flags, mtu, address: Uint8Array.of(2) }) as Link

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  turns = new Pending()
  calls = []
  port.canRead = true
  port.takes = 0
  queue = new LinkQueue(port, 5, turns, error => calls.push(String(error)))
})
afterEach(() => void vi.useRealTimers())

test('only the last of 10,000 new names is reported, in one step', () => {
  for (let i = 1; i <= 10_000; i++) {
    queue.link(link(`name${i}`))
  }
  turns.step()
  expect([calls, turns.work.size]).toEqual([['name10000 up'], 0])
})

test('events that may be older than the known state are not reported, and the state is read again', () => {
  queue.link(link('a', 0))
  const upToDate = queue.skip()
  expect(calls).toEqual(['reread'])
  queue.link(link('b', 0))
  turns.run()
  expect(calls).toEqual(['reread'])
  upToDate()
  queue.flush()
  expect(calls).toEqual(['reread', 'reread'])
  queue.link(link('c'))
  turns.run()
  expect(calls).toEqual(['reread', 'reread', 'c up'])
})

test('down and up are each reported, with the last state of each time', () => {
  queue.link(link('a', 0))
  queue.link(link('b', 0))
  queue.link(link('c'))
  queue.link(link('d', 0))
  turns.run()
  expect(calls).toEqual(['b down', 'c up', 'd down'])
})

test('another MTU and another address are reported by themselves, with the last state of each', () => {
  queue.link(link('a', IFF_UP, 1400))
  queue.link(link('b', IFF_UP, 1500))
  queue.link(link('c', IFF_UP, 1500))
  queue.link({ ...link('d', IFF_UP, 1500), address: Uint8Array.of(4) })
  turns.run()
  expect(calls).toEqual(['a up', 'c up', 'd up'])
})

test('at most 64 states of 10,000 times down and up wait; they alternate, and the last one is true', () => {
  for (let i = 0; i <= 10_000; i++) {
    queue.link(link(`name${i}`, i % 2 === 0 ? 0 : IFF_UP))
  }
  turns.run()
  expect(calls.length).toBeLessThanOrEqual(64)
  expect(calls.every((call, i) => call.endsWith(i % 2 === 0 ? 'down' : 'up'))).toBe(true)
  expect(calls.at(-1)).toBe('name10000 down')
})

test('lost events replace the waiting states', () => {
  queue.link(link('a'))
  queue.lost()
  queue.link(link('b'))
  turns.run()
  expect(calls).toEqual(['reread', 'b up'])
})

test('lists are read immediately, then at most once in 500 ms, whatever changes', () => {
  for (let ms = 0; ms < 10 * LISTS_MS; ms++) {
    queue.listsChanged()
    turns.run()
    vi.advanceTimersByTime(1)
  }
  expect(calls).toEqual(new Array(10).fill('lists'))
})

test('lists that changed meanwhile are read when the time is over, without another event', () => {
  for (let i = 0; i < 2; i++) {
    queue.listsChanged()
    turns.run()
  }
  expect(calls).toEqual(['lists'])
  vi.advanceTimersByTime(LISTS_MS)
  turns.run()
  expect(calls).toEqual(['lists', 'lists'])
})

test('lists that cannot be read are read again after 500 ms, without another event', () => {
  port.canRead = false
  queue.listsChanged()
  turns.run()
  expect(calls).toEqual(['lists'])
  port.canRead = true
  vi.advanceTimersByTime(LISTS_MS)
  turns.run()
  vi.advanceTimersByTime(2 * LISTS_MS)
  turns.run()
  expect([calls, vi.getTimerCount()]).toEqual([['lists', 'lists'], 0])
})

test('slow list readings take a small part of the time, except readings for a request', () => {
  port.takes = 10
  const readings = () => calls.filter(call => call === 'lists').length
  for (let ms = 0; ms < 2.5 * (port.takes / LISTS_PART); ms++) {
    queue.listsChanged(true)
    turns.run()
    vi.advanceTimersByTime(1)
  }
  expect(readings()).toBe(3)
  queue.listsChanged()
  queue.flush()
  expect(readings()).toBe(4)
})

test('a process that was stopped while it read the lists reads them again after 10 s', () => {
  port.takes = 3_600_000
  queue.listsChanged()
  turns.run()
  queue.listsChanged(true)
  vi.advanceTimersByTime(LISTS_PAUSE_MAX - 1)
  turns.run()
  expect(calls).toEqual(['lists'])
  vi.advanceTimersByTime(1)
  turns.run()
  expect(calls).toEqual(['lists', 'lists'])
})

test('a request has everything reported, lists too', () => {
  queue.listsChanged()
  turns.run()
  queue.link(link('a', 0))
  queue.link(link('a'))
  queue.listsChanged()
  expect([queue.flush(), queue.flush()]).toEqual([true, false])
  expect([calls, turns.work.size]).toEqual([['lists', 'a down', 'a up', 'lists'], 0])
})

test('events are work of the interface’s namespace, even after a move', () => {
  queue.link(link('a'))
  expect([queue.share, queue.privileged]).toEqual(['netns 5', false])
  queue.nsid = 6
  queue.link(link('a'))
  expect([queue.share, turns.work.size]).toEqual(['netns 6', 1])
})

test('states that waited are not reported after a move: they may belong to another interface', () => {
  queue.link(link('foreign', 0))
  queue.nsid = 6
  queue.link(link('a'))
  turns.run()
  expect(calls).toEqual(['a up'])
})

test('an error of the port is reported, and the next state follows', () => {
  const failing = new LinkQueue(
    { ...port, reread: () => void expect.fail('no descriptor') },
    5,
    turns,
    error => calls.push((error as Error).message),
  )
  failing.lost()
  failing.link(link('a'))
  turns.run()
  expect(calls).toEqual(['no descriptor', 'a up'])
})

test('a closed queue reports nothing and has no work and no timer', () => {
  queue.listsChanged()
  turns.run()
  queue.listsChanged()
  queue.link(link('a'))
  queue.close()
  queue.link(link('b'))
  turns.run()
  expect([calls, vi.getTimerCount()]).toEqual([['lists'], 0])
})
