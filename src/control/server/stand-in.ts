/**
 * Replies for a vnet while its thread does not return: from a snapshot of its devices and
 * statistics (snapshot.ts), with the time for which the thread has not returned. Every other
 * request gets EBUSY. It runs on the thread of the watchdog for lockups.
 */
import { EBUSY, ENODEV, Turns, VnetError } from '../../base/index.ts'
import { type Native, TimerfdClock } from '../../linux/index.ts'
import {
  decodeAttributes,
  type Fields,
  messages,
  type Policy,
  parseGenl,
  policy,
} from '../../netlink/index.ts'
import { type Family, type Operation, operation, type Write } from '../operations/operation.ts'
import { matches, type Which } from '../operations/subject.ts'
import {
  commands,
  VNET_GENL_ID,
  VNET_GENL_NAME,
  VNET_GENL_VERSION,
  vnetAttributes,
} from '../protocol/family.ts'
import { acceptingAt } from './listening-socket.ts'
import { Sessions } from './sessions.ts'

/** Milliseconds for which accepted clients still get replies when the thread has returned. */
const LAST_MS = 1000

/**
 * The vnet that a stand-in represents. The stand-in runs in another thread, so all of this is read
 * while the vnet's own thread is busy.
 */
export interface StandInOptions {
  readonly native: Native
  /** A descriptor of the socket on which the vnet listens. */
  readonly listening: number
  /** The messages of a Snapshot. */
  readonly snapshot: () => Uint8Array
  /** Milliseconds for which the thread has not returned. */
  readonly busyMs: () => number
}

/** Accepts the vnet's clients until disposed of. */
export function standIn({ native, listening, snapshot, busyMs }: StandInOptions): Disposable {
  const clock = new TimerfdClock(native)
  const refusal = () => `the driver has not returned for ${Math.round(busyMs() / 1000)} s`
  const socket = acceptingAt(native, listening, false, () => sessions.onReadable())
  // No request changes anything: all clients have the same limits.
  const rights = { missing: refusal, missingToCapture: refusal }
  const family = vnetFamily(snapshot, busyMs, refusal)
  const sessions = new Sessions(socket, rights, {
    families: new Map([[family.id, family]]),
    turns: new Turns(clock),
    onDefect() {},
    onEnd() {},
  })
  return {
    [Symbol.dispose]() {
      socket.poller.close()
      setTimeout(() => {
        sessions.close(0)
        void clock[Symbol.asyncDispose]()
      }, LAST_MS)
    },
  }
}

function vnetFamily(
  snapshot: () => Uint8Array,
  busyMs: () => number,
  refusal: () => string,
): Family {
  function refuse(): never {
    throw new VnetError(EBUSY, VNET_GENL_NAME, refusal())
  }
  /** Yields what writes each message of a command that is about the devices in question. */
  function* found(cmd: number, reply: Policy<Fields>, which: Which): Generator<Write> {
    const bytes = snapshot()
    for (const message of messages(bytes)) {
      const { cmd: each, offset, length } = parseGenl(bytes, message)
      if (each !== cmd) continue
      const device = decodeAttributes(reply, bytes, offset, length) as Which
      if (!matches(device, which)) continue
      const attributes = bytes.subarray(offset, offset + length + (-length & 3))
      yield builder =>
        builder.payload(attributes).u32(vnetAttributes.busy.type, Math.round(busyMs()))
    }
  }
  function one(writes: Iterable<Write>): Write {
    for (const write of writes) {
      return write
    }
    throw new VnetError(ENODEV, VNET_GENL_NAME, 'there is no such interface')
  }
  const { getDevices, getStats } = commands
  const devices = (which: Which) => found(getDevices.cmd, getDevices.reply, which)
  const stats = (which: Which) => found(getStats.cmd, getStats.reply, which)
  const answered: Operation[] = [
    operation(getDevices, { doit: which => one(devices(which)), dumpit: devices }),
    operation(getStats, { doit: which => one(stats(which)), dumpit: stats }),
  ]
  const others = Object.values(commands)
    .filter(({ cmd }) => !answered.some(each => each.cmd === cmd))
    .map(({ cmd }) => ({
      cmd,
      replyCmd: cmd,
      changes: false,
      policy: policy({}),
      doit: refuse,
      dumpit: refuse,
    }))
  return {
    id: VNET_GENL_ID,
    name: VNET_GENL_NAME,
    version: VNET_GENL_VERSION,
    maxattr: 0,
    operations: [...answered, ...others],
  }
}
