/** What `vnet check` starts: check-worker memory|live FIRST DIRECTORY FILE [confined]. */
import { writeSync } from 'node:fs'
import * as vnet from 'vnet'
import { TestBed } from 'vnet/kit/bed'
import { loadDriver, watchLockups } from 'vnet/kit/cli'
import { type CheckPlace, resultOf } from '../exercise.ts'
import { runChecks } from '../run.ts'
import { type Report, strayException } from '../run-memory.ts'
import { PRINTED_TOO_MUCH } from './driver-console.ts'
import { loadExercise } from './exercise-file.ts'
import { freezeIntrinsics, isObject } from './frozen-intrinsics.ts'
import { restrictDriver } from './restrict-driver.ts'

/** The objects that are properties of these, or elements of arrays and maps that are. */
function propertiesOf(objects: readonly object[]): object[] {
  const values = objects.flatMap(each => Object.values(each) as unknown[])
  return values
    .filter(each => typeof each === 'object' && each !== null)
    .flatMap(each =>
      each instanceof Map || each instanceof Set ? [each, ...[...each].flat()] : [each].flat(),
    )
}

/** Returns the classes that drivers import, and instances of others, while a driver has a frame. */
async function ownClasses(): Promise<object[]> {
  const found: object[] = []
  const setup = (dev: vnet.NetDevice): void => {
    const irq = new vnet.Irq(dev)
    const ndoStartXmit = (skb: vnet.SkBuff): void => {
      found.push(
        skb,
        dev,
        irq,
        dev.net.clock.alarm(() => {}),
        ...propertiesOf([dev, dev.net, skb]),
      )
      skb.drop()
    }
    dev.netdevOps = { ndoStartXmit }
  }
  const init = () => [{ dev: vnet.allocEtherdevMqs({ name: 'own%d', setup, priv: {} }) }]
  const driver = vnet.defineDriver({ name: 'own', description: 'a sample', params: {}, init })
  const bed = await TestBed.make(driver, {}, { debug: true, allowErrors: true })
  bed.transmit(new Uint8Array(vnet.ETH_ZLEN))
  await bed.close()
  return [...Object.values(vnet).filter(each => typeof each === 'function'), ...found, bed].filter(
    isObject,
  )
}

const RESULTS = 3

const [where, first, directory, file, confined] = process.argv.slice(2) as [
  CheckPlace,
  string,
  string,
  string,
  string?,
]
const whole = await loadExercise(directory)
const exercise = { ...whole, [where]: whole[where].slice(Number(first)) }

// The driver gets another `process`.
const self = process
const begun: string[] = []
const { stringify } = JSON
const write = writeSync
function report(line: Report): void {
  if ('begin' in line) {
    begun.push(line.begin)
  }
  // Without prototypes, to which a driver could add toJSON.
  const end =
    'end' in line
      ? { ...line.end, ...(line.end.logged && { logged: bare([...line.end.logged]) }) }
      : {}
  write(RESULTS, `${stringify(bare('end' in line ? { end: bare(end) } : { begin: line.begin }))}\n`)
}

const bare = <T extends object>(value: T): T => Object.setPrototypeOf(value, null)

// An exception outside of the checks, such as in a timer of the driver file's own, or a promise.
process.on('uncaughtException', error => {
  report({ end: strayException(where, begun.at(-1) ?? '', error) })
  self.exit(1)
})
// Ends the programs that live checks have started. If confined, the signals do nothing, and only
// the launcher ends this process: a driver could send signals, too, and SIGUSR1 would start a
// debugger.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGUSR1']) {
  process.on(signal, () => confined ?? process.exit(1))
}

if (where === 'memory') {
  // It takes a while, which is not the driver's.
  freezeIntrinsics(await ownClasses())
  // Logs the place at which the driver does not return, before this process is ended.
  await watchLockups(file)
}
const load = () => {
  restrictDriver(file, () => {
    report({ end: resultOf(where, { title: begun.at(-1) ?? '' }, PRINTED_TOO_MUCH) })
    self.exit(1)
  })
  return loadDriver(file)
}
await runChecks(exercise, where, { file, isConfined: confined !== undefined }, load, report)
self.exit(0)
