/** `vnet top`: the rates of interfaces, again each interval: on the whole terminal, or as lines. */
import { findVnets } from '../../control/client/find.ts'
import type { ControlClient, Found } from '../../control/index.ts'
import { type AskOptions, askVnets, failAll, failEnded } from '../ask.ts'
import { isAmong, type NamedDevice } from '../device-text.ts'
import { EXIT_OK, endOf, type Io } from '../io.ts'
import { type Reading, read } from '../top/reading.ts'
import { roundOf, rowsOf } from '../top/rows.ts'
import { isTerminal, openScreen, type TerminalProcess } from '../top/screen.ts'
import { FIRST_VIEW, type Key, pageRows, plainLines, press, screenLines, type TopContent } from '../top/view.ts'

interface TopOptions extends AskOptions {
  /** Milliseconds between two rounds. */
  readonly watch?: number
  readonly json?: boolean
}

const INTERVAL_MS = 1000
/** A vnet that is stuck delays the others no longer than this. */
const TIMEOUT_MS = 1000

/** Shows the interfaces `names`, or all if `names` is empty, until the user ends it. */
export function top(
  names: readonly string[],
  { watch: interval = INTERVAL_MS, user, json = false }: TopOptions,
  io: Io,
): Promise<number> {
  const isWanted = names.length === 0 ? undefined : (device: NamedDevice) => isAmong(device, names)
  const show = async (client: ControlClient, first: Found) => {
    using end = endOf(io)
    using shown = !json && io.own && isTerminal(process) ? onScreen(process) : onLines(io, json)
    let found = first
    for (let before: Reading | undefined; ; ) {
      const devices = isWanted === undefined ? found.devices : found.devices.filter(isWanted)
      const reading = await read(client, devices, found.failed)
      const status = shown.update(reading, before)
      if (status !== undefined) return status
      if (await Promise.race([end.within(interval), shown.ended])) return EXIT_OK
      before = reading
      found = await findVnets(client, { isWanted, user })
    }
  }
  return askVnets(names, io, show, { user, timeoutMs: TIMEOUT_MS })
}

/** Where the rows are shown. */
interface Shown extends Disposable {
  /** Returns the exit status if the command ends with it. */
  update(reading: Reading, before: Reading | undefined): number | undefined
  /** Settles when the user ends the command by a key. */
  readonly ended: Promise<true>
}

function onLines(io: Io, json: boolean): Shown {
  let blocks = 0
  return {
    update(reading, before) {
      const { problems, devices } = reading
      failAll(io, problems)
      if (devices.length === 0) return failEnded(io)
      if (json) {
        io.out(`${JSON.stringify(roundOf(Date.now(), reading, before))}\n`)
        return undefined
      }
      const lines = plainLines({ rows: rowsOf(reading, before), problems, view: { ...FIRST_VIEW, sort: 'name' } })
      io.out((blocks++ > 0 ? '\n' : '') + lines.map(line => `${line}\n`).join(''))
      return undefined
    },
    ended: new Promise(() => {}),
    [Symbol.dispose]() {},
  }
}

function onScreen(terminal: TerminalProcess): Shown {
  let content: TopContent = { rows: [], problems: [], view: FIRST_VIEW }
  let end: (isEnded: true) => void = () => {}
  const ended = new Promise<true>(resolve => {
    end = resolve
  })
  let isRead = false
  function draw(): void {
    if (!isRead) return
    const { lines, view } = screenLines(content, screen.size)
    content = { ...content, view }
    screen.show(lines)
  }
  function pressed(key: Key): void {
    const view = press(content.view, key, pageRows(screen.size))
    if (view === undefined) end(true)
    else {
      content = { ...content, view }
      draw()
    }
  }
  const screen = openScreen(terminal, pressed, draw)
  return {
    update(reading, before) {
      isRead = true
      content = { rows: rowsOf(reading, before), problems: reading.problems, view: content.view }
      draw()
      return undefined
    },
    ended,
    [Symbol.dispose]: () => screen[Symbol.dispose](),
  }
}
