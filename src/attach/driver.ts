/** The driver `attach`: its parameters, and an attachment for each interface. */

import { type Clock, formatDuration, parseDuration, UsageError } from '../base/index.ts'
import { loadNative } from '../linux/native.ts'
import { CAP_BPF } from '../linux/uapi.ts'
import { bool, type Driver, defineDriver, text } from '../netdev/driver.ts'
import { interfaceArg } from '../netdev/if.ts'
import type { NetDevice } from '../netdev/net-device.ts'
import { noResources } from '../wire/grammar/groups.ts'
import { directedWires, spec, takenSeed, wireParams } from '../wire/params.ts'
import { Attachment, type Continuity, type InWork } from './attachment.ts'
import { findTarget } from './target.ts'

const FAIL_OPEN = 500e6
const FAIL_OPEN_MIN = 20e6
const FAIL_OPEN_MAX = 3600e9

const params = {
  wire: wireParams.wire,
  wireIn: spec('the same only for received packets'),
  wireOut: spec('the same only for transmitted packets'),
  log: wireParams.log,
  scenario: wireParams.scenario,
  stage: wireParams.stage,
  seed: wireParams.seed,
  only: text({
    default: undefined,
    value: 'filter',
    description:
      'only frames of this filter (pcap-filter(7)) pass the wire; the kernel passes others on',
  }),
  farSide: bool({
    default: false,
    description: 'name the directions from the far end, such as the VM of a TAP',
  }),
  failOpen: text<number>({
    default: FAIL_OPEN,
    value: 'time',
    description: 'frames pass directly when vnet hangs for this long, 20ms to 1h',
    parse(value) {
      const ns = parseDuration(value)
      if (ns >= FAIL_OPEN_MIN && ns <= FAIL_OPEN_MAX) return ns
      throw new UsageError(`'${value}' is not from 20ms to 1h`)
    },
    format: ns => formatDuration(ns),
  }),
}

/**
 * Creates the driver, which can run once at a time. Its attachments show in `shown` that a frame is
 * in work.
 */
export function attachDriver(shown?: InWork, continuity?: Continuity): Driver<typeof params> {
  const attachments: Attachment[] = []
  return defineDriver({
    name: 'attach',
    description:
      'a wire on interfaces that exist; frames pass them directly when vnet ends or hangs',
    args: '[NETNS/]IF...',
    attaches: true,
    params,
    init(values, context) {
      const { args, net, netns, wireResources = noResources } = context
      if (args.length === 0) {
        throw new UsageError('attach takes the interfaces to attach to: attach [NETNS/]IF...')
      }
      const twice = args.find((arg, i) => args.indexOf(arg) !== i)
      if (twice !== undefined) throw new UsageError(`attach: ${twice} is named twice`)
      const { wireIn, wireOut, failOpen, farSide } = values
      const native = loadNative()
      const clock = shown && clockInWork(net.clock, shown)
      const seed = takenSeed(values.seed, net)
      const wired = { ...values, seed, wireAb: wireIn, wireBa: wireOut }
      const only = values.only === undefined ? undefined : wireResources.filter(values.only)
      const targets = args
        .map(interfaceArg)
        .map(arg => findTarget(native, { ...arg, netns: arg.netns ?? netns }))
      return targets.map((target, nth) => {
        const attachment = new Attachment({
          native,
          net,
          target,
          failOpen,
          farSide,
          shown,
          continuity,
          only,
        })
        attachments.push(attachment)
        const { near, ends } = attachment
        attachment.wires = directedWires(wired, context, ...ends, { nth, attached: near, clock })
        return {
          dev: near as NetDevice,
          netns: target.netns,
          prepare: () => attachment.prepare(),
          complete: () => attachment.attach(),
        }
      })
    },
    // A filter that changes later is another program.
    async capabilities() {
      if (attachments.some(({ keepsFilter }) => keepsFilter)) return [CAP_BPF]
      for (const { near } of attachments) {
        near.log.info(
          "takes no filter while it runs: for `vnet wire --only` later, attach with --only ''",
        )
      }
      return []
    },
    async exit() {
      await Promise.all(attachments.splice(0).map(attachment => attachment.close()))
    },
  })
}

/** Returns a clock for the wires of the attachment, because alarms of wires pass frames on. */
function clockInWork(clock: Clock, { word, number }: InWork): Clock {
  const alarm = (fn: () => void) =>
    clock.alarm(() => {
      word[0] = number
      try {
        fn()
      } finally {
        word[0] = 0
      }
    })
  return { now: () => clock.now(), ...(clock.slack !== undefined && { slack: clock.slack }), alarm }
}

export const driver = attachDriver()
