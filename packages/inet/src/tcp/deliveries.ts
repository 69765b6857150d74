/**
 * Deliveries: the events of connections, and the packets that wait, of a host. An alarm with a
 * delay of zero delivers them, so that no event happens inside a call or a received segment.
 */
import type { Alarm, Clock } from 'vnet'
import type { Packet } from '../contract.ts'
import type { Connection } from './connection.ts'
import { ACCEPT, CONNECT, FAILED, READ, READABLE, WRITABLE } from './host.ts'

export class Deliveries {
  readonly #clock: Clock
  readonly #receive: (packet: Packet) => void
  readonly #alarm: Alarm
  #isArmed = false
  #connections: Connection[] = []
  #packets: Packet[] = []

  constructor(clock: Clock, receive: (packet: Packet) => void) {
    this.#clock = clock
    this.#receive = receive
    this.#alarm = clock.alarm(() => this.#deliver())
  }

  /** Adds a connection with pending events. */
  add(connection: Connection): void {
    this.#connections.push(connection)
    this.#arm()
  }

  /** Adds a copy of a packet. */
  delay(packet: Packet): void {
    const { at, length, source, destination } = packet
    const bytes = packet.bytes.slice(at, at + length)
    this.#packets.push({
      bytes,
      at: 0,
      length,
      source: source.slice(),
      destination: destination.slice(),
    })
    this.#arm()
  }

  clear(): void {
    this.#connections = []
    this.#packets = []
    this.#alarm.cancel()
    this.#isArmed = false
  }

  #arm(): void {
    if (this.#isArmed) return
    this.#isArmed = true
    this.#alarm.at(this.#clock.now())
  }

  #deliver(): void {
    this.#isArmed = false
    const [connections, packets] = [this.#connections, this.#packets]
    this.#connections = []
    this.#packets = []
    let done = 0
    try {
      for (const connection of connections) {
        done++
        deliverTo(connection)
      }
    } finally {
      // An event that throws does not keep others from their events.
      for (const connection of connections.slice(done)) {
        this.add(connection)
      }
      for (const packet of packets) {
        this.#receive(packet)
      }
    }
  }
}

function deliverTo(connection: Connection): void {
  const { pending } = connection
  connection.pending = 0
  // A listener that was closed has none.
  if ((pending & ACCEPT) !== 0 && connection.listener?.waiting.delete(connection)) {
    connection.listener.accept(connection)
  }
  if ((pending & CONNECT) !== 0) {
    connection.events.onConnect()
  }
  if ((pending & READABLE) !== 0) {
    connection.events.onReadable()
  }
  if ((pending & WRITABLE) !== 0) {
    connection.events.onWritable()
  }
  if ((pending & READ) !== 0) {
    connection.onReadSome()
  }
  if ((pending & FAILED) !== 0) {
    connection.events.onError(connection.error)
  }
}
