/**
 * A hostile control server: it sends garbage, mutated replies, messages of any length, endless
 * dumps, single bytes, nothing at all, or closes in the middle.
 */
import { createServer, type Server, type Socket } from 'node:net'
import {
  genlmsghdr,
  MessageBuilder,
  messages,
  NLM_F_MULTI,
  writeAck,
  writeDone,
} from '#src/netlink/index.ts'
import { Bender, type Chance, wholeMessages } from './fuzz-netlink.ts'

const FAMILY = 0x3f0
const HEADER = 16

export const BEHAVIOURS = [
  'garbage',
  'bent',
  'oversized',
  'endless',
  'drops by drops',
  'silent',
  'closes',
  'cut',
  'hostile names',
] as const
export type Behaviour = (typeof BEHAVIOURS)[number]

type Write = (builder: MessageBuilder) => unknown

const HOSTILE = Uint8Array.from([
  0x1b, 0x5d, 0x30, 0x3b, 0xff, 0xfe, 0x07, 0x24, 0x28, 0x69, 0x64, 0x29, 0,
])

/** Correct replies by command, with the attribute numbers of docs/vnet_nl.yaml. */
const device =
  (name: Uint8Array): Write =>
  b => {
    b.u32(1, 2).binary(2, name).u32(4, 4).u32(5, 2).u32(11, 1500)
    b.nested(7, stats => [1, 2, 3, 25].map(type => stats.u64(type, 9n)))
    b.nested(9, drops =>
      drops.nested(1, drop => drop.u8(1, 0).string(2, 'NOT_SPECIFIED').u64(3, 5n)),
    )
  }
const plain = Uint8Array.from([...Buffer.from('hostile0'), 0])
const RIGHT: readonly Write[] = [
  device(plain),
  device(HOSTILE),
  b => b.string(1, 'hello'),
  b => b.string(15, 'lockup').string(16, '10').string(17, 'int'),
  b => b.u32(1, 2).u32(23, 0x89f0).binary(24, new Uint8Array(40)).binary(26, new Uint8Array(8)),
]

function reply(seq: number, write: Write): Uint8Array {
  const builder = new MessageBuilder().message(FAMILY, NLM_F_MULTI, seq).payload(genlmsghdr(1, 1))
  write(builder)
  return builder.bytes.slice()
}

/** Listens at `path`; `behave` chooses what to do with each request. */
export function hostileServer(
  path: string,
  chance: Chance,
  behave: () => Behaviour,
): Promise<Server> {
  const bender = new Bender(
    chance.next(),
    RIGHT.map(write => reply(1, write)),
  )
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.on('data', data => {
      for (const { seq } of messages(data)) {
        act(socket, seq, behave())
      }
    })
  })

  function act(socket: Socket, seq: number, behaviour: Behaviour): void {
    const send = (octets: Uint8Array) => void (socket.writable && socket.write(octets))
    switch (behaviour) {
      case 'garbage':
        send(Uint8Array.from({ length: chance.below(2000) }, () => chance.next() >>> 24))
        break
      case 'bent':
        for (let n = chance.below(8); n >= 0; n--) {
          send(numbered(bender.octets.slice(0, bender.next()), seq))
        }
        send(done(seq))
        break
      case 'oversized': {
        const header = new Uint8Array(HEADER)
        new DataView(header.buffer).setUint32(
          0,
          chance.below(2) === 0 ? 0xffff_fff0 : 65 * 1024 + chance.below(8192),
          true,
        )
        send(header)
        send(new Uint8Array(80 * 1024))
        break
      }
      case 'endless': {
        const many = Buffer.concat(Array.from({ length: 512 }, () => reply(seq, RIGHT[0] as Write)))
        const go = () => {
          while (socket.writable && socket.write(many)) {}
        }
        socket.on('drain', go)
        go()
        break
      }
      case 'drops by drops': {
        const octets = [...reply(seq, RIGHT[0] as Write), ...done(seq)]
        const drop = (i: number) => {
          if (i >= octets.length || !socket.writable) return
          socket.write(Uint8Array.of(octets[i] as number))
          setImmediate(drop, i + 1)
        }
        drop(0)
        break
      }
      case 'silent':
        break
      case 'closes':
        socket.destroy()
        break
      case 'cut':
        socket.end(reply(seq, RIGHT[0] as Write).subarray(0, 1 + chance.below(60)))
        break
      case 'hostile names':
        send(reply(seq, device(HOSTILE)))
        send(done(seq))
    }
  }

  return new Promise(resolve => server.listen(path, () => resolve(server)))
}

/** Sets the sequence number of the replies to `seq`. */
function numbered(octets: Uint8Array, seq: number): Uint8Array {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  for (const { at } of wholeMessages(octets)) {
    view.setUint32(at + 8, seq, true)
  }
  return octets
}

function done(seq: number): Uint8Array {
  const request = new MessageBuilder()
    .message(FAMILY, 0, seq)
    .payload(genlmsghdr(1, 1))
    .bytes.slice()
  const builder = new MessageBuilder()
  writeDone(builder, seq, 0, { error: 0 })
  const [message] = messages(request)
  if (message !== undefined) {
    writeAck(builder, request, message, 0, { error: 0 })
  }
  return builder.bytes.slice()
}
