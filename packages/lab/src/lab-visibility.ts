/** LabVisibility: shows labs to `vnet list` while they have links, unless they end soon. */
import type { LabControl } from './lab-control.ts'

/** Milliseconds after its first link until a lab is visible. A shorter lab costs nothing. */
const VISIBLE_MS = 100

export class LabVisibility {
  readonly #start: () => Promise<LabControl | undefined>
  #timer: NodeJS.Timeout | undefined
  #control: Promise<LabControl | undefined> | undefined

  /** `start` makes labs visible until its result is disposed. */
  constructor(start: () => Promise<LabControl | undefined>) {
    this.#start = start
  }

  /** Notes a link of a lab. A lab without a name is not shown. */
  onLink(lab: string): void {
    if (lab !== '') this.#timer ??= setTimeout(() => (this.#control = this.#start()), VISIBLE_MS)
  }

  /** Makes labs visible now, if one with a name has a link. */
  async show(): Promise<void> {
    if (this.#timer === undefined) return
    clearTimeout(this.#timer)
    this.#control ??= this.#start()
    await this.#control
  }

  async hide(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const started = this.#control
    this.#control = undefined
    await (await started)?.[Symbol.asyncDispose]()
  }
}
