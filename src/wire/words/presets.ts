/**
 * The links that `preset NAME` stands for. The client is at end a, the network at end b: `up` is
 * the words of direction ab, `down` of ba. A round-trip time is split evenly. Sources and figures
 * are in docs/wires.md.
 */
export interface Preset {
  readonly up: string
  readonly down: string
}

export const PRESETS: ReadonlyMap<string, Preset> = new Map<string, Preset>([
  ['dial-up', { up: 'rate 30kbit limit 20 delay 60ms', down: 'rate 49kbit limit 20 delay 60ms' }],
])
