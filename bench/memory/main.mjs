/**
 * Measures vnet in memory, without a kernel. `memory/main.mjs` lists the figures; `memory/main.mjs
 * NAME SECONDS` measures one and prints its rate per second and its CPU time in ns, on which other
 * programs have less influence. Each figure has a process of its own: in a process that has run
 * another driver, V8 compiles the shared code for both drivers, which is slower than in real use.
 */
import { beds } from './beds.mjs'
import { deliveries } from './deliveries.mjs'
import { parts } from './parts.mjs'

const FIGURES = [...deliveries, ...beds, ...parts]
/** Frames or operations between two readings of the clock. */
const BURST = 9_600
const WARM_UP = 0.2

function measure(work, seconds) {
  const start = performance.now()
  const cpu = process.cpuUsage()
  let times = 0
  let elapsed = 0
  for (let used = 0; elapsed < seconds; elapsed = (performance.now() - start) / 1000) {
    used += work(BURST)
    if (Number.isNaN(used)) throw new Error('a figure lost count')
    times += BURST
  }
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: times / elapsed, cpuNs: (1000 * (user + system)) / times }
}

const [name, seconds] = process.argv.slice(2)
if (name === undefined) {
  console.log(JSON.stringify(FIGURES.map(({ name, title }) => ({ name, title }))))
} else {
  const work = await FIGURES.find(figure => figure.name === name).open()
  measure(work, WARM_UP) // compiles it
  console.log(JSON.stringify(measure(work, Number(seconds))))
}
