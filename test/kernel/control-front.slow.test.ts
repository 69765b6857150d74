/** The process that serves clients without rights, as these clients and the owner meet it. */
import { readdirSync, readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { commands, VNET_GENL_ID, vnetAttributes } from '#src/control/protocol/family.ts'
import { Connection } from '#src/control/sockets/connection.ts'
import { startPoller } from '#src/linux/errno.ts'
import { loadNative } from '#src/linux/native.ts'
import {
  genlmsghdr,
  type Message,
  MessageBuilder,
  messages,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  parseAck,
} from '#src/netlink/index.ts'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { vnetIn } from '#support/lan-program.ts'
import type { Netns } from '#support/netns.ts'
import { NOBODY } from '#support/privileges.ts'
import { type Running, spawnVnet } from '#support/vnet-process.ts'

const native = loadNative()
const { own } = freshNamespaces()
const GET_STATS = commands.getStats.cmd
const RESET_STATS = commands.resetStats.cmd
const SUBSCRIBE = commands.subscribe.cmd
const CUT = commands.cut.cmd
/** Names an interface. */
const nameOne = (builder: MessageBuilder) =>
  void builder.string(vnetAttributes.ifname.type, 'front0')

let netns: Netns
let vnet: Running
let clients: Connection[]
beforeEach(async () => {
  netns = own.addQuiet()
  clients = []
  vnet = await spawnVnet(['cable', `${netns.name}/front0`, `${netns.name}/front1`])
})
afterEach(() => {
  for (const client of clients) {
    client.close()
  }
})

/** Returns the ids of the processes that the vnet has started. */
function children(): number[] {
  const text = readFileSync(`/proc/${vnet.pid}/task/${vnet.pid}/children`, 'utf8').trim()
  return text === '' ? [] : text.split(' ').map(Number)
}

/** A client of another user, or of root. */
class Asking {
  readonly #connection: Connection
  readonly #got: { readonly bytes: Uint8Array; readonly message: Message }[] = []
  #arrived = () => {}

  constructor(uid = NOBODY) {
    const name = readdirSync('/run/vnet').find(
      each => each.startsWith(`${vnet.pid}-`) && each.endsWith('.sock'),
    )
    const onMessage = (bytes: Uint8Array, at: number, length: number) => {
      const copy = bytes.slice(at, at + length)
      this.#got.push({ bytes: copy, message: [...messages(copy)][0] as Message })
      this.#arrived()
    }
    const listener = { onMessage, onEnd: () => this.#arrived() }
    const connection = Connection.connect(
      native,
      `/run/vnet/${name}`,
      listener,
      uid === 0 ? undefined : { uid, gid: uid },
    )
    if (typeof connection === 'number') throw new Error(`no connection: ${connection}`)
    clients.push(connection)
    this.#connection = connection
  }

  /** Sends a request; returns the error of its acknowledgement, or of the end of a dump. */
  async ask(cmd: number, flags: number, write = (_: MessageBuilder) => {}): Promise<number> {
    const builder = new MessageBuilder()
      .message(VNET_GENL_ID, NLM_F_REQUEST | flags, 1)
      .payload(genlmsghdr(cmd, 1))
    write(builder)
    this.#connection.send(builder.bytes)
    const isEnd = ({ type }: Message) => type === NLMSG_DONE || type === NLMSG_ERROR
    const { bytes, message } = await this.next(isEnd)
    return parseAck(bytes, message).error
  }

  /** Returns the next message that `isWanted`, and forgets those before it. */
  async next(isWanted: (message: Message) => boolean) {
    for (;;) {
      const found = this.#got.shift()
      if (found !== undefined && isWanted(found.message)) return found
      if (found !== undefined) continue
      if (!this.#connection.isOpen) throw new Error('the vnet has ended the connection')
      await new Promise<void>(resolve => {
        this.#arrived = resolve
      })
    }
  }
}

describe('the process for clients without rights', () => {
  test('starts with the first stranger, runs at low priority, has no TAP, and ends with the vnet', async () => {
    await vnetIn(netns, 'list')
    expect(await new Asking(0).ask(RESET_STATS, NLM_F_ACK, nameOne)).toBe(0)
    expect(children()).toEqual([])

    expect(await new Asking().ask(GET_STATS, NLM_F_DUMP)).toBe(0)
    expect(await new Asking().ask(GET_STATS, NLM_F_DUMP)).toBe(0)
    const [front, ...others] = children()
    expect(others).toEqual([])
    const [SCHED_OTHER, NICE] = ['0', '10']
    for (const thread of readdirSync(`/proc/${front}/task`)) {
      const stat = readFileSync(`/proc/${front}/task/${thread}/stat`, 'latin1')
      // Fields 19 and 41 of proc_pid_stat(5); the first after the name is field 3.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      expect([fields[16], fields[38]]).toEqual([NICE, SCHED_OTHER])
    }
    const files = readdirSync(`/proc/${front}/fdinfo`).map(fd =>
      readFileSync(`/proc/${front}/fdinfo/${fd}`, 'latin1'),
    )
    expect(files.some(text => text.includes('iff:'))).toBe(false)

    const pidfd = native.pidfdOpen(front as number, 0)
    const ended = new Promise<void>(resolve => {
      const poller = startPoller(native, pidfd, () => {
        poller.close()
        resolve()
      })
    })
    expect((await vnet.stop('SIGTERM')).status).toBe(0)
    await ended
    native.close(pidfd)
  })

  test('serves strangers and the owner, and refuses changes of strangers', async () => {
    const stranger = new Asking()
    expect(await stranger.ask(RESET_STATS, NLM_F_ACK, nameOne)).toBe(-1)
    expect(await stranger.ask(GET_STATS, NLM_F_DUMP)).toBe(0)
    const owner = new Asking(0)
    expect(await owner.ask(RESET_STATS, NLM_F_ACK, nameOne)).toBe(0)
    expect((await vnetIn(netns, 'list')).stdout).toContain('cable')
  })

  test('gives subscribers to the vnet, with the requests that they have sent', async () => {
    const stranger = new Asking()
    expect(await stranger.ask(SUBSCRIBE, NLM_F_ACK)).toBe(0)
    await vnetIn(netns, 'cut', 'front0')
    expect((await stranger.next(({ type }) => type === VNET_GENL_ID)).message.type).toBe(
      VNET_GENL_ID,
    )
    expect(await stranger.ask(GET_STATS, NLM_F_DUMP)).toBe(0)
    expect(await stranger.ask(CUT, NLM_F_ACK, nameOne)).toBe(-1)
  })

  test('is replaced by the vnet itself if it is killed, and by the vnet for clients that wait if it is stopped', async () => {
    await new Asking().ask(GET_STATS, NLM_F_DUMP)
    const [front] = children() as [number]
    process.kill(front, 'SIGSTOP')
    expect(await new Asking(0).ask(RESET_STATS, NLM_F_ACK, nameOne)).toBe(0)
    process.kill(front, 'SIGKILL')
    await vnet.line(/process for clients without rights has/)
    expect(await new Asking().ask(GET_STATS, NLM_F_DUMP)).toBe(0)
    expect(children()).toEqual([])
  })
})
