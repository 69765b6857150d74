/** Formats the stages of wires as text, and collects the stages of a run. */
import type { StageReport } from '../control/index.ts'
import type { DeviceWire, WireSide } from '../netdev/device-wire.ts'
import type { NetDevice } from '../netdev/net-device.ts'
import type { NamedDevice } from './device-text.ts'

/** A stage, and the interface that names its wire: the first that has it. */
export type WireStatistics = StageReport & Sided & { readonly name: string; readonly netns: string | null }

interface Sided {
  /** Only of an attachment. */
  readonly side?: WireSide | undefined
}

/**
 * Returns `ab loss 2`, or `ab match then loss` for a stage inside another; `in loss` on an
 * attachment.
 */
export function stageName({ direction, side, path, stage }: StageReport & Sided): string {
  return `${side ?? direction} ${path}${stage}`
}

/** Returns `dropped: loss 3, limit 1`. */
export function stageDrops({ drops }: Pick<StageReport, 'drops'>): string {
  const list = Object.entries(drops).map(([reason, n]) => `${reason} ${n}`)
  return `dropped: ${list.join(', ')}`
}

/** The wires of devices, each once: a cable has its two at both ends. */
export class Wires {
  readonly #wires = new Map<DeviceWire, NamedDevice>()
  #isAny = false

  add(dev: NetDevice, netns: string | undefined): void {
    const { ndoGetWires } = dev.netdevOps
    if (ndoGetWires === undefined) return
    this.#isAny = true
    for (const wire of ndoGetWires(dev)) if (!this.#wires.has(wire)) this.#wires.set(wire, { name: dev.name, netns })
  }

  /** Returns their stages; undefined if no device can have a wire. */
  report(): WireStatistics[] | undefined {
    if (!this.#isAny) return undefined
    return [...this.#wires].flatMap(([wire, { name, netns }]) =>
      wire.report().map(stage => ({ name, netns: netns ?? null, ...(wire.side && { side: wire.side }), ...stage })),
    )
  }
}

/** Returns a line for each stage: `a ab loss: 100 in, 99 out, dropped: loss 1`. */
export function stageLines(stages: readonly WireStatistics[]): string[] {
  return stages.map(stage => {
    const counts = (['held', 'duplicated', 'corrupted', 'reordered', 'marked'] as const).filter(name => stage[name] > 0)
    const notes = [...counts.map(name => `${stage[name]} ${name}`), ...(stage.dropped > 0 ? [stageDrops(stage)] : [])]
    return `${stage.name} ${stageName(stage)}: ${[`${stage.in} in`, `${stage.out} out`, ...notes].join(', ')}`
  })
}
