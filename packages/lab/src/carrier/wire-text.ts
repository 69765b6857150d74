/** The texts of a lab's wires, as in tc-netem(8), except that each time needs a unit. */
import type { WireResources } from 'vnet/internal/netdev/device-wire'
import type { TextOptions } from 'vnet/internal/wire/grammar/cursor'
import { parseWire } from 'vnet/internal/wire/parse'
import type { Direction, Impairment } from 'vnet/internal/wire/wire'

export const WIRE_TEXT_OPTIONS: TextOptions = { bareUs: false }

/** Throws a UsageError. */
export function parseLabWire(
  text: string,
  resources: WireResources,
  direction: Direction,
): readonly Impairment[] {
  return parseWire(text, resources, direction, WIRE_TEXT_OPTIONS)
}
