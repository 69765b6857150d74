/** Requests of clients without rights on their way to the vnet, counted on a fake clock. */
import { expect, test } from 'vitest'
import { NSEC_PER_MSEC } from '#src/base/clock.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import type { Later } from '#src/control/operations/operation.ts'
import { BATCH } from '#src/control/server/batches.ts'
import {
  type ClientSocket,
  FRONT_FORGET,
  FRONT_MORE,
  FRONT_READY,
} from '#src/control/server/front.ts'
import { type Asker, Relay } from '#src/control/server/relay.ts'
import { loadNative } from '#src/linux/native.ts'
import { MSG_DONTWAIT, SOCK_NONBLOCK, SOCK_STREAM } from '#src/linux/uapi.ts'
import {
  genlmsghdr,
  type Message,
  MessageBuilder,
  messages,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_MULTI,
  NLM_F_REQUEST,
  writeAck,
  writeDone,
} from '#src/netlink/index.ts'

const FAMILY = 100
const native = loadNative()

/** A client; `replies` has the seq, portid and type of each message that it got. */
class Client implements Asker {
  readonly replies: (readonly [seq: number, portid: number, type: number])[] = []
  later: Later | undefined

  defer(later: Later): void {
    this.later = later
  }

  reply(bytes: Uint8Array, isLast: boolean): void {
    if (isLast) {
      this.later = undefined
    }
    for (const { seq, portid, type } of messages(bytes)) {
      this.replies.push([seq, portid, type])
    }
  }

  handOver(): void {}
}

/** A relay, and the frames' side of its socket. */
function relaying() {
  const clock = new FakeClock()
  const pair = new Int32Array(2)
  native.socketpair(SOCK_STREAM | SOCK_NONBLOCK, pair)
  const [fd, theirs] = pair as unknown as [number, number]
  const passing = {} as ClientSocket
  const relay = new Relay({ native, clock, fd, passing, onBeat() {}, onEnd() {} })
  const bytes = new Uint8Array(1 << 16)
  /** Returns what arrived at the frames' side. */
  const arrived = (): Message[] => {
    const length = native.recv(theirs, bytes, MSG_DONTWAIT)
    return length < 0 ? [] : [...messages(bytes.slice(0, length))]
  }
  expect(arrived().map(({ type }) => type)).toEqual([FRONT_READY])
  const ask = (client: Client, seq: number, cmd: number, { flags = 0, isShared = true } = {}) => {
    const message = new MessageBuilder()
      .message(FAMILY, NLM_F_REQUEST | flags, seq, 70 + seq)
      .payload(genlmsghdr(cmd, 1))
    relay.ask(client, message.bytes, 0, message.length, isShared)
  }
  const answer = (write: (builder: MessageBuilder) => void) => {
    const builder = new MessageBuilder()
    write(builder)
    for (const { type, seq, portid, flags, offset, length } of messages(builder.bytes)) {
      void [type, seq, portid, flags]
      relay.onMessage(builder.bytes, offset - 16, length + 16)
    }
  }
  const acknowledge = ({ seq, flags }: Message) =>
    answer(builder => {
      builder.message(FAMILY, 0, seq).payload(genlmsghdr(1, 1))
      const request = new MessageBuilder().message(FAMILY, flags, seq).bytes
      writeAck(builder, request, [...messages(request)][0] as Message, 0, { error: 0 })
    })
  return { clock, relay, arrived, ask, answer, acknowledge, end: () => native.close(theirs) }
}

test('identical requests of a millisecond become one, and each client gets the reply to its own', () => {
  const { clock, ask, arrived, acknowledge, end } = relaying()
  const clients = Array.from({ length: 100 }, () => new Client())
  for (const [i, client] of clients.entries()) {
    ask(client, i, 1)
  }
  const other = new Client()
  ask(other, 7, 2, { flags: NLM_F_ACK })
  clock.advance(NSEC_PER_MSEC)
  const sent = arrived()
  expect(sent).toHaveLength(2)
  for (const message of sent) {
    acknowledge(message)
  }
  for (const [i, { replies }] of clients.entries()) {
    expect(replies).toEqual([[i, 70 + i, FAMILY]])
  }
  expect(other.replies).toEqual([
    [7, 77, FAMILY],
    [7, 77, 2],
  ])
  end()
})

test('a batch has at most 16 requests, and the next follows when it is served, in the next millisecond', () => {
  const { clock, ask, arrived, acknowledge, end } = relaying()
  for (let i = 0; i < 40; i++) {
    ask(new Client(), i, i)
  }
  clock.advance(0)
  const first = arrived()
  expect(first).toHaveLength(BATCH)
  clock.advance(100 * NSEC_PER_MSEC)
  expect(arrived()).toEqual([])
  for (const message of first) {
    acknowledge(message)
  }
  clock.advance(0)
  expect(arrived()).toHaveLength(BATCH)
  end()
})

test('requests that do something are not shared', () => {
  const { clock, ask, arrived, end } = relaying()
  for (let i = 0; i < 3; i++) {
    ask(new Client(), i, 1, { isShared: false })
  }
  clock.advance(0)
  expect(arrived()).toHaveLength(3)
  end()
})

test('a dump of several parts has one client, which gets the next part when it has read the last', () => {
  const { clock, ask, arrived, answer, end } = relaying()
  const [slow, fast] = [new Client(), new Client()]
  ask(slow, 1, 1, { flags: NLM_F_DUMP })
  ask(fast, 2, 1, { flags: NLM_F_DUMP })
  clock.advance(0)
  const [{ seq }] = arrived() as [Message]
  const part = (seq: number) =>
    answer(b =>
      b.message(FAMILY, NLM_F_MULTI, seq).payload(genlmsghdr(1, 1)).message(FRONT_MORE, 0, seq),
    )
  part(seq)
  expect(slow.replies).toEqual([[1, 71, FAMILY]])
  clock.advance(NSEC_PER_MSEC)
  const [again] = arrived() as [Message]
  expect(again.type).toBe(FAMILY)
  part(again.seq)
  expect(fast.replies).toEqual([[2, 72, FAMILY]])

  fast.later?.more()
  fast.later?.more()
  clock.advance(NSEC_PER_MSEC)
  expect(arrived().map(({ type, seq }) => [type, seq])).toEqual([[FRONT_MORE, again.seq]])
  answer(builder => writeDone(builder, again.seq, 0, { error: 0 }))
  expect(fast.replies.at(-1)).toEqual([2, 72, 3])

  slow.later?.close()
  clock.advance(NSEC_PER_MSEC)
  expect(arrived().map(({ type, seq }) => [type, seq])).toEqual([[FRONT_FORGET, seq]])
  end()
})

test('the request of a client that has gone is not passed on', () => {
  const { clock, ask, arrived, end } = relaying()
  const client = new Client()
  ask(client, 1, 1)
  client.later?.close()
  clock.advance(NSEC_PER_MSEC)
  expect(arrived()).toEqual([])
  end()
})
