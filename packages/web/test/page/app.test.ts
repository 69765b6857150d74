/** The state of a page: what its views read after each message of the feed. */
import { expect, test } from 'vitest'
import type {
  CommandRequest,
  DeviceRow,
  FeedMessage,
  Message,
  VnetRow,
} from '../../src/feed-types.ts'
import { App, type View } from '../../src/page/app.ts'

const device = (id: string) => ({ id, label: id.split('//')[1] }) as DeviceRow
const hello = (...ids: readonly string[]): Message<'hello'> => ({
  type: 'hello',
  version: '1',
  vnets: [{ devices: ids.map(device) } as unknown as VnetRow],
  mayChange: true,
  presets: [{ name: 'lan', up: 'delay 1ms', down: 'delay 2ms' }],
})
const wire = (id: string, ab: string): FeedMessage =>
  ({
    type: 'wire',
    time: 1,
    id,
    wire: { text: { ab, ba: 'direct' }, stages: [] },
  }) as unknown as FeedMessage
const event = (id: string, event: object): FeedMessage =>
  ({ type: 'event', time: 7, id, event }) as FeedMessage

function page(reply = { ok: true, message: '' }) {
  const sent: CommandRequest[] = []
  const notes: string[] = []
  const seen: string[] = []
  const view = (app: App): View => ({
    name: 'one',
    title: 'One',
    wants: [],
    Body: () => null,
    receive: ({ type }) => seen.push(type),
    deviceChanged: () => seen.push(`device ${app.device?.id}`),
  })
  const state = new App([view], {
    select: () => {},
    send: async request => {
      sent.push(request)
      return reply
    },
    notify: text => notes.push(text),
  })
  return { state, sent, notes, seen }
}

test('before its first message a page has nothing, and a command says so', async () => {
  const { state } = page()
  expect([
    state.hello,
    state.vnets,
    state.device,
    state.mayChange,
    state.presets,
    state.wanted,
  ]).toEqual([...[undefined, [], undefined, false, []], ''])
  expect(await state.command({ do: 'cut' })).toEqual({
    ok: false,
    message: 'There is no interface.',
  })
})

test('the first device is shown, then the chosen one, also when its vnet has restarted', () => {
  const { state, seen } = page()
  state.receive(hello('1//sn0', '1//sn1'))
  expect([state.device?.id, state.mayChange, state.presets.length]).toEqual(['1//sn0', true, 1])
  state.look('1//sn1')
  state.look('1//sn1')
  state.receive(hello('2//sn0', '2//sn1'))
  expect([state.device?.id, state.wanted]).toEqual(['2//sn1', '2//sn1'])
  state.look('2//gone')
  expect([state.device, state.wanted]).toEqual([undefined, '2//gone'])
  expect(seen).toEqual([
    'device 1//sn0',
    'hello',
    'device 1//sn1',
    'device 2//sn1',
    'hello',
    'device undefined',
  ])
})

test('the last messages of the shown device are kept, of others none', () => {
  const { state } = page()
  state.receive(hello('1//sn0', '1//sn1'))
  state.receive(wire('1//sn1', 'loss 1%'))
  expect(state.last('wire')).toBeUndefined()
  state.receive(wire('1//sn0', 'loss 2%'))
  expect(state.last('wire')?.wire?.text.ab).toBe('loss 2%')
  // A change that another client made.
  state.receive(event('1//sn0', { event: 'wire', direction: 'ab', text: 'delay 5ms' }))
  expect(state.last('wire')?.wire?.text).toEqual({ ab: 'delay 5ms', ba: 'direct' })
  state.look('1//sn1')
  expect(state.last('wire')).toBeUndefined()
})

test('the newest 500 events of all devices are kept', () => {
  const { state, notes } = page()
  state.receive(hello('1//sn0', '1//sn1'))
  state.receive(event('1//sn1', { event: 'cut' }))
  state.receive(event('1//sn0', { event: 'timeout', queue: 2 }))
  expect(state.events.map(({ id, text }) => [id, text])).toEqual([
    ['1//sn1', 'cable cut'],
    ['1//sn0', 'transmit timeout of queue 2'],
  ])
  for (let i = 0; i < 500; i++) {
    state.receive(event('1//sn0', { event: 'up' }))
  }
  expect([state.events.length, state.events[0]?.text]).toEqual([500, 'up'])
  state.receive({ type: 'problem', text: 'a problem' } as FeedMessage)
  expect(notes).toEqual(['a problem'])
})

test('a command that succeeds is an event, unless the server reports it', async () => {
  const { state, sent } = page()
  state.receive(hello('1//sn0'))
  state.receive({ type: 'stats', time: 9, devices: [] })
  await state.command({ do: 'reset' })
  await state.command({ do: 'cut' })
  expect(sent).toEqual([
    { id: '1//sn0', command: { do: 'reset' } },
    { id: '1//sn0', command: { do: 'cut' } },
  ])
  expect(state.events).toEqual([{ id: '1//sn0', time: 9, text: 'statistics reset', tone: 'warn' }])
  const { state: refused } = page({ ok: false, message: 'refused' })
  refused.receive(hello('1//sn0'))
  expect(await refused.command({ do: 'reset' })).toEqual({ ok: false, message: 'refused' })
  expect(refused.events).toEqual([])
})

test('a pause is remembered', () => {
  const { state } = page()
  state.pause(true)
  expect(state.isPaused).toBe(true)
})
