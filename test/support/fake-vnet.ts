/**
 * A fake vnet: a socket and the file beside it. It sends the replies that a test sets, as bytes,
 * after the attributes that each vnet sends (the last of two counts), and records the requests. It
 * is built on the codec and node:net alone, so that a mistake that server and client share is
 * noticed.
 */
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { ENOENT, VnetError } from '#src/base/errno.ts'
import * as netlink from '#src/netlink/index.ts'

const FAMILY = 0x3f0
const EVENT = 11
const [GET_DEVICES, GET_STATS, GET_WIRE, GET_RUNTIME] = [2, 3, 16, 22]

type Write = (builder: netlink.MessageBuilder) => void

/** A request: its command, and the payloads of its attributes by number. */
export interface Asked {
  readonly cmd: number
  readonly dump: boolean
  readonly attributes: Readonly<Record<number, Uint8Array>>
}

/** The messages that reply to a command; a VnetError that it throws is the refusal. */
export type Answers = Readonly<Record<number, (asked: Asked) => readonly Write[]>>

/** What differs from the usual file; `file: false` for no file. */
export interface FakeOptions {
  readonly file?: false
  readonly pid?: number
  readonly interfaces?: readonly object[]
  readonly netns?: number
  readonly pidns?: number
}

const inode = (kind: string) => statSync(`/proc/self/ns/${kind}`).ino

/** Writes an interface that is up with a carrier, or the time at which something was read. */
export function writeUsual(builder: netlink.MessageBuilder, cmd: number): void {
  if (cmd === GET_DEVICES) {
    builder.u32(4, 1).u32(5, 1).u8(21, 1).u32(32, 0x1043).u32(33, 1500).u8(48, 0)
    builder.binary(34, Uint8Array.of(0, 0x53, 0x4e, 0x55, 0x4c, 0x30))
  } else if (cmd === GET_STATS || cmd === GET_WIRE || cmd === GET_RUNTIME) {
    builder.u64(46, 0n)
  }
}

/** The interface sn0, and sn1 in the namespace red. */
const usual = () => [
  { name: 'sn0', ifindex: 7, inode: inode('net') },
  { name: 'sn1', ifindex: 8, netns: 'red', inode: 1 },
]

export class FakeVnet implements Disposable {
  readonly asked: Asked[] = []
  /** The path of its socket, by which clients name it. */
  readonly path: string
  readonly #answers: Answers
  readonly #server: Server
  readonly #clients = new Set<Socket>()
  readonly #subscribers = new Set<Socket>()
  readonly #file: string
  #heard = () => {}

  constructor(directory: string, answers: Answers, options: FakeOptions = {}) {
    const {
      pid = process.pid,
      interfaces = usual(),
      netns = inode('net'),
      pidns = inode('pid'),
    } = options
    this.#answers = answers
    // A fake that is made later sorts after the others.
    const name = join(directory, `${pid}-${process.hrtime.bigint().toString(16)}`)
    this.path = `${name}.sock`
    this.#file = `${name}.json`
    this.#server = createServer(client => this.#connected(client)).listen(this.path)
    if (options.file === false) return
    const startTime = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/.*\) /s, '')
      .split(' ')[19]
    writeFileSync(this.#file, JSON.stringify({ pid, startTime, pidns, netns, interfaces }))
  }

  /** The number of clients that are connected. */
  get connections(): number {
    return this.#clients.size
  }

  /** Settles when a command has been requested `times` times. */
  async hears(cmd: number, times = 1): Promise<void> {
    while (this.asked.filter(asked => asked.cmd === cmd).length < times) {
      await new Promise<void>(resolve => {
        this.#heard = resolve
      })
    }
  }

  /** Sends an event to every subscriber. */
  event(write: Write): void {
    this.#tell(new netlink.MessageBuilder(), write)
  }

  /** Sends an event after a mark that events were lost. */
  overrun(write: Write): void {
    this.#tell(new netlink.MessageBuilder().message(4, 0, 0), write)
  }

  #tell(builder: netlink.MessageBuilder, write: Write): void {
    write(builder.message(FAMILY, 0, 0).payload(netlink.genlmsghdr(EVENT, 1)))
    for (const client of this.#subscribers) {
      client.write(builder.bytes.slice())
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.#file, { force: true })
    this.#server.close()
    for (const client of this.#clients) {
      client.destroy()
    }
  }

  /** Sends the last bytes, and ends once the clients have received everything. */
  async end(last = new Uint8Array()): Promise<void> {
    for (const client of this.#clients) {
      await new Promise<void>(resolve => client.end(last, resolve))
    }
    this[Symbol.dispose]()
  }

  #connected(client: Socket): void {
    this.#clients.add(client)
    let unread: Buffer = Buffer.alloc(0)
    client.on('error', () => {})
    client.on('close', () => {
      this.#clients.delete(client)
      this.#subscribers.delete(client)
    })
    client.on('data', octets => {
      unread = Buffer.concat([unread, octets])
      while (unread.length >= 4 && unread.readUInt32LE(0) <= unread.length) {
        const length = (unread.readUInt32LE(0) + 3) & ~3
        this.#answer(new Uint8Array(unread), length, client)
        unread = unread.subarray(length)
      }
    })
  }

  #answer(bytes: Uint8Array, length: number, client: Socket): void {
    for (const message of netlink.messages(bytes, 0, length)) {
      if ((message.flags & netlink.NLM_F_REQUEST) === 0) continue
      const request = netlink.parseGenl(bytes, message)
      const found = [...netlink.attributes(bytes, request.offset, request.length)]
      const payload = ({ offset, length }: netlink.Attribute) =>
        bytes.slice(offset, offset + length)
      const asked = {
        cmd: request.cmd,
        dump: (message.flags & netlink.NLM_F_DUMP) === netlink.NLM_F_DUMP,
        attributes: Object.fromEntries(
          found.map(attribute => [attribute.type, payload(attribute)]),
        ),
      }
      const builder = new netlink.MessageBuilder()
      const send = () => {
        client.write(builder.bytes.slice())
        builder.reset()
      }
      try {
        const writes = message.type === FAMILY ? this.#perform(asked, client) : [this.#family]
        const type = message.type
        for (const write of writes) {
          builder
            .message(type, asked.dump ? netlink.NLM_F_MULTI : 0, message.seq)
            .payload(netlink.genlmsghdr(asked.cmd, 1))
          writeUsual(builder, asked.cmd)
          write(builder)
          send()
        }
        if (asked.dump) {
          netlink.writeDone(builder, message.seq, 0, { error: 0 })
        } else if (message.flags & netlink.NLM_F_ACK) {
          netlink.writeAck(builder, bytes, message, 0, { error: 0 })
        }
      } catch (error) {
        if (!(error instanceof VnetError)) throw error
        netlink.writeAck(builder, bytes, message, 0, {
          error: -error.errno,
          message: error.advice ?? error.message,
        })
      }
      send()
    }
  }

  readonly #family: Write = builder => void builder.string(2, 'vnet_nl').u16(1, FAMILY)

  #perform(asked: Asked, client: Socket): readonly Write[] {
    this.asked.push(asked)
    this.#heard()
    const answer = this.#answers[asked.cmd]
    if (answer === undefined) {
      throw new VnetError(ENOENT, 'fake', `command ${asked.cmd} is unexpected`)
    }
    if (asked.cmd === 10) {
      this.#subscribers.add(client)
    }
    return answer(asked)
  }
}
