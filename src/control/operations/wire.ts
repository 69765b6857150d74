/** GET_WIRE, SET_WIRE and GET_SCENARIO: the wires of a device, their stages, and their scenario. */

import {
  EINVAL,
  EOPNOTSUPP,
  NSEC_PER_MSEC,
  printable,
  UsageError,
  VnetError,
} from '../../base/index.ts'
import type { DeviceWire, NetDevice, StageReport, WireScenario } from '../../netdev/index.ts'
import { attached } from '../protocol/attachment.ts'
import {
  commands,
  VNET_WIRE_TEXT_MAX,
  vnetAttributes,
  wireDirectionNumbers,
} from '../protocol/family.ts'
import { type Operation, operation, Refusal } from './operation.ts'
import { type Subject, theOne } from './subject.ts'

const CUT = ' ...'
const ONLY = vnetAttributes.wireOnly.type
const UTF8 = new TextEncoder()
const TEXT = new TextDecoder('utf-8', { ignoreBOM: true })

export function wires(subject: Subject): Operation[] {
  const getWire = operation(commands.getWire, {
    dumpit(which, { privileged }) {
      const dev = theOne(subject, which)
      const found = wiresOf(subject, dev)
      const time = subject.now()
      // All of one moment, however late the client reads them.
      return [
        ...found.map(wire => {
          const { direction, side, text, from, only, runSeed: seed } = wire
          // Reading it from the kernel is for clients with rights, as are the kernel's counters.
          const lost = { beforeVnet: wire.beforeVnet?.(privileged), bypassed: wire.bypassed?.() }
          const shown = {
            time,
            direction,
            text: wireText(text),
            outgoing: from?.dev === dev,
            seed,
            ...lost,
          }
          if (!only?.text || side === undefined) return shown
          return { ...shown, only: wireText(only.text), passed: only.passed(side) }
        }),
        ...found.flatMap(wire => wire.report()).map(stage => ({ time, stage: stageText(stage) })),
        ...found
          .flatMap(({ former = [] }) => former)
          .filter(({ dropped }) => dropped > 0)
          .map(stage => ({ time, stage: { ...stageText(stage), former: true } })),
      ]
    },
  })
  const setWire = operation(commands.setWire, {
    doit({ direction, text = '', only, attachments, ...which }) {
      const dev = theOne(subject, which)
      const found = wiresOf(subject, dev)
      if (direction !== undefined && !(direction in wireDirectionNumbers)) {
        throw new Refusal(EINVAL, vnetAttributes.wireDirection.type, `there is no ${direction}`)
      }
      const resources = attached(attachments)
      if (only !== undefined) {
        const [{ only: filter }] = found as [DeviceWire]
        if (filter === undefined) {
          throw new Refusal(EOPNOTSUPP, ONLY, 'only attachments have a filter in the kernel')
        }
        filter.change(resources.filter(only))
        subject.changed?.(dev, { parts: ['only'], text: only, attachments })
        return undefined
      }
      const changed = found.filter(wire => direction === undefined || wire.direction === direction)
      try {
        // A wrong text throws before the first wire is changed: it is the same for both.
        const read = changed[0]?.read(text)
        if (read !== undefined) {
          for (const wire of changed) {
            wire.change(read, resources)
          }
        }
      } catch (error) {
        if (!(error instanceof UsageError)) throw error
        const [line = ''] = error.message.split('\n')
        throw new Refusal(EINVAL, vnetAttributes.wireText.type, line)
      }
      subject.changed?.(dev, { parts: changed.map(wire => wire.direction), text, attachments })
      return undefined
    },
  })
  const getScenario = operation(commands.getScenario, {
    dumpit(which) {
      const [{ scenario }] = wiresOf(subject, theOne(subject, which)) as [DeviceWire]
      if (scenario === undefined) {
        throw new VnetError(EOPNOTSUPP, 'vnet_nl', 'the wire has no scenario')
      }
      return scenarioMessages(scenario, subject.now())
    },
  })
  return [getWire, setWire, getScenario]
}

function wiresOf(subject: Subject, dev: NetDevice): readonly DeviceWire[] {
  const found = dev.netdevOps.ndoGetWires?.(dev) ?? []
  if (found.length > 0) return found
  const driver = subject.module?.name ?? dev.name
  throw new VnetError(
    EOPNOTSUPP,
    'vnet_nl',
    `${driver} has no wire: use a driver whose --help lists --wire`,
  )
}

function stageText({ stage, path, text, drops, late, direction, ...rest }: StageReport) {
  return {
    ...rest,
    stage: wireText(stage),
    path: wireText(path),
    text: wireText(text),
    direction: direction as DeviceWire['direction'],
    drops: Object.entries(drops).map(([reason, packets]) => ({
      reason: wireText(reason),
      packets,
    })),
    ...(late !== undefined && {
      lateP50: Math.round(late.p50 * NSEC_PER_MSEC),
      lateP99: Math.round(late.p99 * NSEC_PER_MSEC),
      lateCounts: new Uint8Array(
        BigUint64Array.from(late.counts.flat(), (n, i) =>
          BigInt(Math.round(i % 2 === 0 ? n * NSEC_PER_MSEC : n)),
        ).buffer,
      ),
    }),
  }
}

/** `now` is the wall clock; `started` is counted back from it, as clients compare the two. */
function* scenarioMessages(
  { file, repeat, elapsed, steps }: WireScenario,
  now: number | undefined,
) {
  const since = elapsed()
  const started =
    now === undefined || since === undefined ? undefined : Math.round(now - since / NSEC_PER_MSEC)
  yield { scenario: { file: wireText(file), started, repeat } }
  for (const { at, text } of steps()) {
    yield { step: { at, text: wireText(text) } }
  }
}

/** Returns any text as one line that fits an attribute; the end of a longer one is cut. */
export function wireText(text: string): string {
  const line = printable(text)
  // A character takes at most 3 bytes.
  if (3 * line.length <= VNET_WIRE_TEXT_MAX) return line
  const bytes = UTF8.encode(line)
  if (bytes.length <= VNET_WIRE_TEXT_MAX) return line
  const room = bytes.subarray(0, VNET_WIRE_TEXT_MAX - CUT.length)
  return TEXT.decode(room).replace(/\ufffd+$/, '') + CUT
}
