/** The driver of an exercise in motion: the playground with it, once the visitor runs it. */
import { button, element } from './element.ts'

/** The playground, of which npm's package has no part. */
interface Playground {
  run(driver: { name: string; text: string }): void
  close(): void
}

/** Loads the playground and mounts it in an element. */
export type MountMotion = (element: HTMLElement, driver: { name: string; text: string }) => Promise<Playground>

export interface Motion {
  /** The button that runs the driver. */
  readonly button: HTMLElement
  /** The place of the picture. */
  readonly element: HTMLElement
  /** Runs a changed driver, if the visitor has run it before. */
  update(): void
}

/** `text` returns the text of the driver. The signal ends it. */
export function driverInMotion(name: string, text: () => string, mount: MountMotion, signal: AbortSignal): Motion {
  const place = element('div', { className: 'playground', hidden: true })
  let playground: Promise<Playground> | undefined
  let shown = ''
  async function run(): Promise<void> {
    shown = text()
    if (playground !== undefined) return (await playground).run({ name, text: shown })
    place.hidden = false
    playground = mount(place, { name, text: shown })
    const mounted = await playground
    place.scrollIntoView({ block: 'nearest' })
    if (signal.aborted) mounted.close()
    else signal.addEventListener('abort', () => mounted.close())
  }
  return {
    button: button('Run', () => void run()),
    element: place,
    update() {
      if (playground !== undefined && text() !== shown) void run()
    },
  }
}
