/** How the page opens its feed, and opens it again after the server has ended. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { FeedReader, type SourceListener } from '../../src/page/feed.ts'

interface Opened extends SourceListener {
  readonly address: string
  isOpen: boolean
}

function setUp() {
  const sources: Opened[] = []
  const log: string[] = []
  const feed = new FeedReader({
    open(address, listener) {
      const source: Opened = { ...listener, address, isOpen: true }
      sources.push(source)
      const close = () => {
        source.isOpen = false
      }
      return { close }
    },
    receive: message => log.push(message.type),
    changed: state => log.push(state),
  })
  const open = () => sources.filter(({ isOpen }) => isOpen).map(({ address }) => address)
  return { feed, sources, log, open }
}
const problem = JSON.stringify({ type: 'problem', text: '' })

describe('the feed', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('the feed is reopened when the page shows something else, and only then', () => {
    const { feed, sources, open } = setUp()
    feed.look('/a')
    feed.look('/a')
    expect(sources).toHaveLength(1)
    feed.look('/b')
    expect(open()).toEqual(['/b'])
  })

  test('the feed passes messages of the open source, and none of an older one', () => {
    const { feed, sources, log } = setUp()
    feed.look('/a')
    sources[0].received(problem)
    feed.look('/b')
    sources[0].received(problem)
    sources[0].failed('lost')
    expect(log).toEqual(['connecting', 'live', 'problem', 'connecting'])
  })

  test('the feed is retried after 0.5, 1, 2, 4, 8 and 8 s, and after 0.5 s once it was live', () => {
    const { feed, sources, log } = setUp()
    feed.look('/a')
    for (const wait of [500, 1000, 2000, 4000, 8000, 8000]) {
      sources.at(-1)!.failed('lost')
      expect(log.at(-1)).toBe('lost')
      const { length } = sources
      vi.advanceTimersByTime(wait - 1)
      expect(sources).toHaveLength(length)
      vi.advanceTimersByTime(1)
      expect(sources).toHaveLength(length + 1)
    }
    sources.at(-1)!.received(problem)
    sources.at(-1)!.failed('refused')
    expect(log.at(-1)).toBe('refused')
    const { length } = sources
    vi.advanceTimersByTime(500)
    expect(sources).toHaveLength(length + 1)
  })

  test('the feed is reopened when no message arrived for ten seconds', () => {
    const { feed, sources, log, open } = setUp()
    feed.look('/a')
    vi.advanceTimersByTime(9000)
    sources[0].received(problem)
    vi.advanceTimersByTime(9999)
    expect(open()).toEqual(['/a'])
    vi.advanceTimersByTime(1)
    expect(log.at(-1)).toBe('lost')
    expect(open()).toEqual([])
    vi.advanceTimersByTime(500)
    expect(open()).toEqual(['/a'])
  })
})
