/** Pump: one direction of a relay, from a TCP socket to another, through stages. */
import type { Socket } from 'node:net'
import type { Random } from 'vnet/net'
import { Stage, type StageOutput } from './stages.ts'
import type { Ending } from './toxic-kind.ts'
import type { Toxic } from './toxics.ts'

export class Pump implements StageOutput {
  readonly #from: Socket
  readonly #to: Socket
  readonly #onEnd: (how: Ending, to: Socket) => void
  #stages: readonly Stage[] = []
  #isClosing = false
  /** The toxics that have drawn whether they hit this connection. */
  readonly #drawn = new Map<Toxic, Stage | undefined>()

  /** Starts immediately. `onEnd` ends the connection for a stage. */
  constructor(from: Socket, to: Socket, onEnd: (how: Ending, to: Socket) => void) {
    this.#from = from
    this.#to = to
    this.#onEnd = onEnd
    to.on('drain', () => this.#flow())
    from
      .on('data', bytes => this.#push(0, bytes as Buffer))
      .once('end', () => this.#push(0, undefined))
    this.#flow()
  }

  /** Makes a stage for each toxic, in their order. `isRedrawn`: the changed toxic draws again. */
  sync(toxics: readonly Toxic[], random: Random, changed?: Toxic, isRedrawn = false): void {
    const stays = (toxic: Toxic) => toxics.includes(toxic) && !(toxic === changed && isRedrawn)
    for (const toxic of this.#drawn.keys()) {
      if (!stays(toxic)) {
        this.#drawn.delete(toxic)
      }
    }
    for (const stage of this.#stages) {
      if (!stays(stage.toxic)) {
        stage.remove()
      } else if (stage.toxic === changed) {
        stage.change()
      }
    }
    this.#stages = toxics.flatMap(toxic => {
      if (!this.#drawn.has(toxic)) {
        this.#drawn.set(
          toxic,
          random.next() < toxic.toxicity ? new Stage(toxic, random, this) : undefined,
        )
      }
      return this.#drawn.get(toxic) ?? []
    })
    this.#flow()
  }

  close(): void {
    for (const stage of this.#stages) {
      stage.close()
    }
  }

  pass(stage: Stage, bytes: Buffer | undefined): void {
    this.#push(this.#stages.indexOf(stage) + 1, bytes)
  }

  end(stage: Stage, how: Ending): void {
    this.#isClosing = how === 'close'
    if (this.#isClosing) {
      this.#push(this.#stages.indexOf(stage) + 1, undefined)
    } else {
      this.#onEnd(how, this.#to)
    }
  }

  #push(at: number, bytes: Buffer | undefined): void {
    const stage = this.#stages[at]
    if (stage !== undefined) {
      stage.push(bytes)
    } else if (bytes === undefined && this.#isClosing) {
      this.#onEnd('close', this.#to)
    } else if (!this.#to.writable) {
      return
    } else if (bytes === undefined) {
      this.#to.end()
    } else {
      this.#to.write(bytes)
    }
    this.#flow()
  }

  /** Reads while there is room. */
  #flow(): void {
    const held = this.#stages.reduce((sum, stage) => sum + stage.held, 0)
    const isFull =
      this.#stages.length > 0 && held >= Math.max(...this.#stages.map(stage => stage.heldMax))
    if (isFull || this.#to.writableNeedDrain) {
      this.#from.pause()
    } else {
      this.#from.resume()
    }
  }
}
