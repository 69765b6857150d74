/**
 * What vnet does in memory, no kernel in the way. `memory/main.mjs` lists the figures; `memory/main.mjs NAME SECONDS` measures one
 * and prints how often a second it was done. One figure a process: in a program that has run another driver before, code is
 * compiled for both, and slower for each, which in use is not so.
 */
import { deliveries } from './deliveries.mjs'
import { parts } from './parts.mjs'

const FIGURES = [...deliveries, ...parts]
/** Frames or operations between two looks at the clock. */
const BURST = 9_600
const WARM_UP = 0.2

function perSecond(work, seconds) {
  const start = performance.now()
  let times = 0
  let elapsed = 0
  for (let used = 0; elapsed < seconds; elapsed = (performance.now() - start) / 1000) {
    used += work(BURST)
    if (Number.isNaN(used)) throw new Error('a figure lost count')
    times += BURST
  }
  return times / elapsed
}

const [name, seconds] = process.argv.slice(2)
if (name === undefined) console.log(JSON.stringify(FIGURES.map(({ name, title }) => ({ name, title }))))
else {
  const work = await FIGURES.find(figure => figure.name === name).open()
  perSecond(work, WARM_UP) // compiles it
  console.log(JSON.stringify({ perSecond: perSecond(work, Number(seconds)) }))
}
