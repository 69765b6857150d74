/**
 * The links that `preset NAME` stands for. The client is at end a, the network at end b: `up` is
 * the text of direction ab, `down` of ba. A round-trip time is split evenly. The queue before a
 * rate holds about half a second of traffic, at least 16kb. Packets in flight are not in it: they
 * are after the `|`. Sources and figures are in docs/wires.md.
 */
export interface Preset {
  readonly up: string
  readonly down: string
}

export const PRESETS: ReadonlyMap<string, Preset> = new Map(
  Object.entries({
    'dial-up': { up: 'rate 30kbit limit 16kb | delay 60ms', down: 'rate 49kbit limit 16kb | delay 60ms' },
    '2g': { up: 'rate 32kbit limit 16kb | delay 650ms', down: 'rate 35kbit limit 16kb | delay 650ms' },
    edge: { up: 'rate 200kbit limit 16kb | delay 420ms', down: 'rate 240kbit limit 16kb | delay 420ms' },
    'slow-3g': { up: 'rate 500kbit limit 32kb | delay 200ms', down: 'rate 500kbit limit 32kb | delay 200ms' },
    '3g': { up: 'rate 768kbit limit 48kb | delay 150ms', down: 'rate 1.6mbit limit 100kb | delay 150ms' },
    'fast-3g': { up: 'rate 750kbit limit 48kb | delay 75ms', down: 'rate 1.6mbit limit 100kb | delay 75ms' },
    'fast-4g': { up: 'rate 1.5mbit limit 96kb | delay 30ms', down: 'rate 9mbit limit 576kb | delay 30ms' },
    lte: { up: 'rate 12mbit limit 768kb | delay 35ms', down: 'rate 12mbit limit 768kb | delay 35ms' },
    '5g': { up: 'rate 50mbit limit 3mb | delay 4ms', down: 'rate 100mbit limit 6mb | delay 4ms' },
    dsl: { up: 'rate 384kbit limit 24kb | delay 25ms', down: 'rate 1.5mbit limit 96kb | delay 25ms' },
    cable: { up: 'rate 1mbit limit 64kb | delay 14ms', down: 'rate 5mbit limit 320kb | delay 14ms' },
    fiber: { up: 'rate 5mbit limit 320kb | delay 2ms', down: 'rate 20mbit limit 1280kb | delay 2ms' },
    'wifi-busy': {
      up: 'loss 1% burst 3 | rate 10mbit limit 640kb | delay 8ms 6ms 25% distribution pareto ordered',
      down: 'loss 1% burst 3 | rate 20mbit limit 1280kb | delay 8ms 6ms 25% distribution pareto ordered',
    },
    'satellite-geo': {
      up: 'rate 10mbit limit 640kb | delay 300ms limit 10000',
      down: 'rate 100mbit limit 6mb | delay 300ms limit 10000',
    },
    'satellite-leo': {
      up: 'loss 0.5% burst 5 | rate 13.5mbit limit 864kb | delay 22ms 5ms distribution normal ordered',
      down: 'loss 0.5% burst 5 | rate 87mbit limit 5mb | delay 22ms 5ms distribution normal ordered',
    },
  }),
)
