/** The texts of a lab's wires, as in tc-netem(8), except that each time needs a unit. */
import type { WireResources } from 'vnet/kit/netdev'
import { type Direction, type Impairment, parseWire } from 'vnet/wire'

export const WIRE_TEXT_OPTIONS = { bareUs: false }

/** Throws a UsageError. */
export function parseLabWire(
  text: string,
  resources: WireResources,
  direction: Direction,
): readonly Impairment[] {
  return parseWire(text, resources, direction, WIRE_TEXT_OPTIONS)
}
