/**
 * The process of the front (front.ts). It serves clients without rights, with the same Sessions as
 * the frames' thread. Its operations decode requests, so that malformed ones are refused here, and
 * leave the reply to the relay.
 */
import { readdirSync } from 'node:fs'
import { setPriority } from 'node:os'
import { attempt, EPERM, Turns, VnetError } from '../../base/index.ts'
import { check, loadNative, type Native, TimerfdClock } from '../../linux/index.ts'
import { decodeAttributes, GENL_HDRLEN, NLMSG_HDRLEN } from '../../netlink/index.ts'
import type { Caller, Family, Operation } from '../operations/operation.ts'
import { commands } from '../protocol/family.ts'
import {
  ClientSocket,
  FRONT_CLIENTS,
  FRONT_LISTENING,
  FRONT_MESSAGES,
  type FrontData,
} from './front.ts'
import { acceptingAt } from './listening-socket.ts'
import { nlctrl } from './nlctrl.ts'
import { Relay } from './relay.ts'
import { Rights } from './rights.ts'
import { type Session, Sessions } from './sessions.ts'

/** Milliseconds without a beat after which nothing is accepted. */
const SILENCE_MS = 1000

/** A nice value with a tenth of the weight of the frames' thread. */
const PRIORITY = 10

/** Requests that do something: identical ones are not one. */
const SINGLE: readonly number[] = [commands.ioctl.cmd]
/** Requests that need the client's connection: the frames' thread serves it from then on. */
const STATEFUL: readonly number[] = [commands.subscribe.cmd, commands.capture.cmd]

function serve(native: Native, data: FrontData): void {
  for (const fd of [FRONT_MESSAGES, FRONT_CLIENTS, FRONT_LISTENING]) {
    check(native.adopt(fd), `descriptor ${fd}`)
  }
  const clock = new TimerfdClock(native)
  const passing = new ClientSocket(native, FRONT_CLIENTS, () => {
    for (let client = passing.receive(); client !== undefined; client = passing.receive()) {
      sessions.take(client.fd)
    }
  })
  const relay = new Relay({
    native,
    clock,
    fd: FRONT_MESSAGES,
    passing,
    onBeat() {
      sessions.resume()
      silence?.refresh()
    },
    onEnd: () => process.exit(),
  })
  const vnet: Family = {
    ...data.family,
    operations: data.operations.map(each => deferring(each, relay)),
  }
  const families = new Map(
    [nlctrl([vnet]), vnet].map((family): [number, Family] => [family.id, family]),
  )
  const rights = new Rights(native, data.owners, data.captureGroup)
  const sessions = new Sessions(
    acceptingAt(native, FRONT_LISTENING, data.isRefusing, () => sessions.onReadable()),
    rights,
    {
      families,
      turns: new Turns(clock),
      elsewhere: (fd, missing) => missing === undefined && relay.give(fd),
      onDefect: error => {
        throw error
      },
      onEnd() {},
    },
  )
  // The thread that stands in for the vnet's accepts then.
  const silence = data.beats ? setInterval(() => sessions.leave(), SILENCE_MS) : undefined
}

/** An operation that decodes its request, and leaves the reply to the frames' thread. */
function deferring(
  { cmd, doit, dumpit }: FrontData['operations'][number],
  relay: Relay,
): Operation {
  const found = Object.values(commands).find(command => command.cmd === cmd)
  if (found === undefined) throw new Error(`there is no command ${cmd}`)
  const { request: policy, changes = false } = found as Pick<Operation, 'changes'> & {
    request: Operation['policy']
  }
  function defer(bytes: Uint8Array, offset: number, length: number, caller: Caller): undefined {
    decodeAttributes(policy, bytes, offset, length)
    if (cmd === commands.capture.cmd && caller.missingToCapture !== undefined) {
      throw new VnetError(EPERM, 'vnet_nl', caller.missingToCapture)
    }
    const header = NLMSG_HDRLEN + GENL_HDRLEN
    const [at, size] = [offset - header, length + header]
    // The clients of this process are sessions.
    if (STATEFUL.includes(cmd)) {
      relay.handOver(caller as Session, bytes, at, size)
    } else {
      relay.ask(caller as Session, bytes, at, size, !SINGLE.includes(cmd))
    }
  }
  return {
    cmd,
    replyCmd: cmd,
    changes,
    policy,
    doit: doit ? defer : undefined,
    dumpit: dumpit ? (...request) => defer(...request) ?? [] : undefined,
  }
}

// The terminal signals its whole process group, of which this is part: in a session of its own, it
// would share the CPU with the vnet as an equal (autogroup of sched(7)).
for (const signal of ['SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGTERM'] as const) {
  process.on(signal, () => {})
}
const addon = loadNative()
serve(addon, JSON.parse(process.argv[2]))
// Only now: beside busy programs a low priority would keep clients waiting for the start. With a
// short slice, this process is soon served and soon preempted: the frames' thread waits for no
// slice of milliseconds. Turns bounds the time that clients cost.
for (const thread of readdirSync('/proc/self/task').map(Number)) {
  attempt(() => setPriority(thread, PRIORITY))
}
addon.shortenSlice()
