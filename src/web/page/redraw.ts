/** Draws a view at most once in each frame of the screen, and only while it is shown. */
export class Redraw {
  readonly #draw: () => void
  #isShown = false
  #isDue = false

  constructor(draw: () => void) {
    this.#draw = draw
  }

  get isShown(): boolean {
    return this.#isShown
  }

  /** The view is shown, or not any more. */
  set isShown(isShown: boolean) {
    this.#isShown = isShown
    this.soon()
  }

  soon(): void {
    if (this.#isDue || !this.#isShown || document.hidden) return
    this.#isDue = true
    requestAnimationFrame(() => {
      this.#isDue = false
      if (this.#isShown) this.#draw()
    })
  }
}
