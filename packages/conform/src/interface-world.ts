/** A World on a link: its far stack has echo, discard and chargen, or a controlled program. */
import { setTimeout } from 'node:timers/promises'
import { ethernet, NSEC_PER_MSEC } from 'vnet'
import { ControlledProgram, type ControlPort } from './control.ts'
import type { PacketLink } from './packet-link.ts'
import type { Station, Stations } from './stations.ts'
import { INTERFACE_TOLERANCE, type Sent, type World } from './world.ts'

/** The largest frame of an interface that reports the size of the segments in larger ones. */
const LARGE = 9216
const OFFLOADS =
  'it joins segments and does not report their size: turn that off with ethtool -K IF lro off gro off'

/** The world of one case. It uses the link, which its maker closes after the last case. */
export class InterfaceWorld implements World {
  readonly tolerance = INTERFACE_TOLERANCE
  readonly host: Station
  readonly peer: Station
  readonly port: number
  readonly program: ControlledProgram | undefined
  readonly #link: PacketLink

  /** Frames of the case before are not taken for replies of this one. */
  constructor(
    link: PacketLink,
    { host, peer }: Stations,
    port: number,
    control?: ControlPort,
    family: 4 | 6 = 4,
  ) {
    link.drain()
    this.#link = link
    this.host = host
    this.peer = peer
    this.port = port
    this.program = control && new ControlledProgram(control, this, family)
  }

  now(): number {
    return this.#link.now()
  }

  async sleepUntil(moment: number): Promise<void> {
    while (this.now() < moment) {
      await setTimeout(Math.ceil((moment - this.now()) / NSEC_PER_MSEC))
    }
  }

  inject(frame: Uint8Array): void {
    this.#link.send(frame)
  }

  async next(until: number): Promise<Sent | undefined> {
    for (;;) {
      const sent = await this.#link.next(until)
      if (sent === undefined) return undefined
      if (sent.frame.length > LARGE) throw new Error(OFFLOADS)
      if (ethernet.isSameAddress(sent.frame, ethernet.sourceAt(0), this.host.mac)) return sent
    }
  }

  close(): void {
    this.program?.end()
  }
}
