/** STEP: makes frames wait before each step of their path, and returns the step that is next. */

import { EINVAL, NSEC_PER_MSEC, VnetError } from '../../base/index.ts'
import {
  functionLines,
  placeLines,
  type SourceLines,
} from '../../netdev/debug/function-place.node.ts'
import { type Halt, type Net, type NetDevice, StepGate } from '../../netdev/index.ts'
import { commands, vnetAttributes } from '../protocol/family.ts'
import { type Operation, operation, Refusal } from './operation.ts'
import { identify, type Subject, theOne } from './subject.ts'
import { wireText } from './wire.ts'

/** Bytes of the frame that are sent. */
const FRAME_BYTES = 256
/** Lines of the driver that are sent, and the longest of them. */
const LINES = 32
const LINE_LENGTH = 200

export function step(subject: Subject): Operation {
  const lines = new Map<unknown, SourceLines | undefined>()
  return operation(commands.step, {
    doit({ mode, every = 0, count, ...which }) {
      const { net } = theOne(subject, which)
      if (mode === 'on') {
        turnOn(net, every * NSEC_PER_MSEC)
      } else if (mode === 'off') {
        net.gate?.off()
      } else if (mode === 'next') {
        next(net, count)
      } else if (mode !== undefined) {
        throw new Refusal(EINVAL, vnetAttributes.stepMode.type, `there is no ${mode}`)
      }
      const halt = net.gate?.halt
      return {
        mode: net.gate === undefined ? ('off' as const) : ('on' as const),
        every: (net.gate?.every ?? 0) / NSEC_PER_MSEC,
        count: net.gate?.steps ?? 0,
        ...(halt !== undefined && {
          step: { ...placeOf(halt, subject.netnsOf), ...frameOf(halt), ...sourceOf(halt) },
        }),
      }
    },
  })

  /** Looked up once: the debugger takes its time. */
  function sourceOf({ code, caller }: Halt<NetDevice>): {
    file?: string
    line?: number
    first?: number
    lines?: string
  } {
    const key = code ?? caller
    if (key === undefined) return {}
    if (!lines.has(key)) {
      lines.set(key, typeof key === 'string' ? placeLines(key, LINES) : functionLines(key, LINES))
    }
    const found = lines.get(key)
    if (found === undefined) return {}
    const text = found.lines
      .map(line => wireText(line.slice(0, LINE_LENGTH).replaceAll('\t', '  ')))
      .join('\n')
    return { file: wireText(found.file), line: found.line, first: found.first, lines: text }
  }
}

/** The details in an event, without bytes of the frame, which not every subscriber may see. */
export function stepDetails(dev: NetDevice, netnsOf: Subject['netnsOf']): object {
  const { gate } = dev.net
  const halt = gate?.halt
  return {
    stepMode: gate === undefined ? 'off' : 'on',
    ...(halt !== undefined && { step: placeOf(halt, netnsOf) }),
  }
}

function turnOn(net: Net, every: number): void {
  if (net.gate === undefined) {
    new StepGate(net, every)
  } else {
    net.gate.every = every
  }
}

function next({ gate }: Net, count: number | undefined): void {
  if (gate === undefined) {
    throw new VnetError(EINVAL, 'vnet_nl', 'frames do not wait for steps: turn that on first')
  }
  if (count === undefined || count === gate.steps) {
    gate.next()
  }
}

function placeOf(
  { step: number, dev, queue, next: line }: Halt<NetDevice>,
  netnsOf: Subject['netnsOf'],
) {
  const { ifindex, ifname, netns } = identify({ netnsOf }, dev)
  return { number, ifindex, ifname, netns, queue, next: wireText(line.slice(0, LINE_LENGTH)) }
}

function frameOf({ skb }: Halt<NetDevice>): { length?: number; frame?: Uint8Array } {
  if (skb === undefined) return {}
  const { bytes, data, len: length } = skb
  return { length, frame: bytes.subarray(data, data + Math.min(length, FRAME_BYTES)) }
}
