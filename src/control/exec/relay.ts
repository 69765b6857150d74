/**
 * A datagram of a program's, asked of a driver, and what that says put into the program's socket before the call that sent it
 * returns. What cannot be answered so is left to the kernel, which knows no vnet_nl, before anything was asked.
 */
import { ECONNREFUSED } from '../../core/errno.ts'
import { messages } from '../../netlink/index.ts'
import type { Addressee } from './addressee.ts'
import { parted } from './datagrams.ts'
import type { Question } from './driver-socket.ts'
import type { Driver } from './drivers.ts'
import { kernelsPart, merged, ourPart } from './family-dump.ts'
import { renumberGroups } from './group.ts'
import type { ProgramSocket } from './program-socket.ts'
import { Relayed } from './relayed.ts'
import type { Replies } from './replies.ts'
import { type Subscriptions, subscribes } from './subscriptions.ts'
import type { Supervision } from './supervisor.ts'

/** What a call answers: its octets, or -errno; undefined when the kernel is to do it. */
type Done = (result: number | undefined) => void

export interface Sent {
  /** The thread that sent it. */
  readonly pid: number
  /** Its number of the socket. */
  readonly number: number
  readonly socket: ProgramSocket
  readonly octets: Uint8Array
  readonly to: Addressee
}

export class Relay {
  readonly #supervision: Supervision
  readonly #replies: Replies
  readonly #subscriptions: Subscriptions
  #seq = 0

  constructor(supervision: Supervision, replies: Replies, subscriptions: Subscriptions) {
    this.#supervision = supervision
    this.#replies = replies
    this.#subscriptions = subscriptions
  }

  send(driver: Driver, sent: Sent, done: Done): void {
    if (sent.to === 'both') this.#dump(driver, sent, done)
    else this.#question(driver, sent, done)
  }

  #question(driver: Driver, sent: Sent, done: Done): void {
    this.#ask(driver, sent, sent.octets, (result, answers) => {
      if (result === -ECONNREFUSED) this.#leave(result, done)
      else if (result < 0) done(result)
      else this.#put(sent, answers.flatMap(parted), done)
    })
  }

  #dump(driver: Driver, sent: Sent, done: Done): void {
    const { native, processes } = this.#supervision
    const { pid, socket, octets } = sent
    const kernels = kernelsPart(native, processes, { pid, netns: socket.netns }, octets)
    const [asked] = messages(octets)
    if (kernels === undefined || asked === undefined) {
      done(undefined)
      return
    }
    this.#ask(driver, sent, ourPart(asked.seq), (result, answers) => {
      const datagrams = result < 0 ? undefined : merged(kernels, answers, socket.port)
      // The kernel makes a dump as it is read. Ours is there at once, so a long one may be too long.
      if (datagrams === undefined || !this.#replies.hasRoom(socket.fd, datagrams.length)) done(undefined)
      else this.#put(sent, datagrams, done)
    })
  }

  #ask(
    driver: Driver,
    { pid, number, socket }: Sent,
    octets: Uint8Array,
    onEnd: (result: number, answers: readonly Uint8Array[]) => void,
  ): void {
    const asker = this.#supervision.askerOf(pid)
    // It is gone.
    if (asker === null) {
      onEnd(-ECONNREFUSED, [])
      return
    }
    const relayed = new Relayed(octets, socket.port, () => {
      this.#seq = (this.#seq + 1) >>> 0
      return this.#seq
    })
    const answers: Uint8Array[] = []
    const question: Question = {
      port: driver.port,
      octets: relayed.question,
      asker,
      onDatagram(bytes, length) {
        const answer = relayed.answer(bytes, length)
        if (answer !== undefined) answers.push(answer)
        return relayed.isAnswered
      },
      onEnd(result) {
        for (const answer of answers) renumberGroups(answer)
        onEnd(result, answers)
      },
    }
    const subscription = subscribes(octets)
    const where = subscription && this.#subscriptions.where(pid, number, socket.fd, socket.netns)
    if (where === undefined) this.#supervision.sockets.ask(driver.native, question)
    else this.#subscriptions.subscribe(driver, where, question, subscription === 'ends')
  }

  #put({ pid, socket, octets }: Sent, datagrams: readonly Uint8Array[], done: Done): void {
    const result = this.#replies.put(socket, pid, datagrams)
    done(result < 0 ? result : octets.length)
  }

  /** The kernel says that there is no such family. */
  #leave(result: number, done: Done): void {
    if (result === -ECONNREFUSED) this.#supervision.drivers.forget()
    done(undefined)
  }
}
