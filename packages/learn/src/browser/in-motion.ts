/** What follows the checks of an exercise: its driver in motion, and on a real interface. */
import type { Folder } from './driver-file.ts'
import { button, element, messageOf } from './element.ts'

/** The playground, of which npm's package has no part. */
interface Playground {
  run(driver: { name: string; text: string }): void
  close(): void
}

/** Loads the playground and mounts it in an element. */
export type MountMotion = (
  element: HTMLElement,
  driver: { name: string; text: string },
) => Promise<Playground>

/** The elements of a driver in motion, for the page to place. */
export interface Motion {
  /** The button that runs the driver. */
  readonly button: HTMLElement
  /** The place of the picture. */
  readonly element: HTMLElement
  /** Runs a changed driver, if the visitor has run it before. */
  update(): void
}

/** `text` returns the text of the driver. The signal ends it. */
export function driverInMotion(
  name: string,
  text: () => string,
  mount: MountMotion,
  signal: AbortSignal,
): Motion {
  const place = element('div', { className: 'playground', hidden: true })
  let playground: Promise<Playground> | undefined
  let shown = ''
  async function run(): Promise<void> {
    shown = text()
    const driver = { name, text: shown }
    const isFirst = playground === undefined
    place.hidden = false
    playground ??= mount(place, driver)
    let mounted: Playground
    try {
      mounted = await playground
    } catch (error) {
      playground = undefined
      const why = `The playground does not load: ${messageOf(error)}. Press Run to try again.`
      place.replaceChildren(element('p', { role: 'alert' }, why))
      return
    }
    if (!isFirst) {
      // It would start a worker for a page that is left.
      if (!signal.aborted) {
        mounted.run(driver)
      }
      return
    }
    place.scrollIntoView({ block: 'nearest' })
    if (signal.aborted) {
      mounted.close()
    } else {
      signal.addEventListener('abort', () => mounted.close())
    }
  }
  return {
    button: Object.assign(
      button('Run', () => void run()),
      { className: 'run' },
    ),
    element: place,
    update() {
      if (playground !== undefined && text() !== shown) {
        void run()
      }
    },
  }
}

/** `seeItLive` is the address of the section about the driver on an interface. */
export function realInterface({ name, driver }: Folder, seeItLive: string | undefined): Node[] {
  const commands = `node dist/vnet.js check ${name}\nnode dist/vnet.js ./${name}/${driver}\n`
  const after =
    seeItLive === undefined
      ? []
      : [' Then: ', element('a', { href: seeItLive }, 'See it live'), '.']
  return [
    element('h3', {}, 'Now on a real interface'),
    element(
      'p',
      {},
      'Every check in memory has passed. On Linux, in a clone of vnet after ',
      element('code', {}, 'npm run setup'),
      ', unpack the download. The first command also runs the live checks, the second one the driver.',
      ...after,
    ),
    element('pre', {}, element('code', {}, commands)),
  ]
}
