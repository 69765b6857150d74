/**
 * `npm run bench`: compares vnet with kernel veth and with C, side by side in one run. Candidates are interleaved round by
 * round, so that slow drift of the machine hits all of them alike. See README.md here.
 */
import { accessSync, constants, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { CANDIDATES } from './candidates.mjs'
import { allowedCpus } from './cpu.mjs'
import { sample } from './measure.mjs'
import { HELP, parseOptions, UsageError } from './options.mjs'
import { Processes, run } from './processes.mjs'
import { caseTable, memoryTable, short, summarise } from './report.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
const TOOLS = {
  make: 'make',
  cc: 'gcc',
  ip: 'iproute2',
  ping: 'iputils-ping',
  iperf3: 'iperf3',
  taskset: 'util-linux',
  setpriv: 'util-linux',
}

/** What stops the bench before it begins, or undefined. */
function obstacle({ cases }) {
  const isThere = file => {
    try {
      accessSync(file, constants.X_OK)
      return true
    } catch {
      return false
    }
  }
  const directories = (process.env.PATH ?? '').split(path.delimiter)
  const missing = Object.keys(TOOLS).filter(tool => !directories.some(directory => isThere(path.join(directory, tool))))
  if (cases.length > 0 && process.getuid() !== 0) return 'the bench makes network namespaces: run it as root'
  if (missing.length === 0) return undefined
  const packages = new Set(missing.map(tool => TOOLS[tool]))
  return `missing: ${missing.join(', ')}; install with: apt-get install ${[...packages].join(' ')}`
}

async function runCase(kase, options, lab) {
  const { rounds, seconds, metrics } = options
  const names = Object.keys(CANDIDATES[kase]).filter(name => options.candidates.includes(name))
  const samples = Object.fromEntries(names.map(name => [name, []]))
  const failures = []
  for (let round = 0; round < rounds; round++) {
    const turn = round % names.length
    for (const name of [...names.slice(turn), ...names.slice(0, turn)]) {
      const started = performance.now()
      const tag = `vnetbench${process.pid}n${lab.samples++}`
      let note
      try {
        const row = await sample({ ...lab, ...options, kase, candidate: CANDIDATES[kase][name], tag })
        samples[name].push(row)
        note = [...metrics, 'foreign_cores', 'retries']
          .filter(metric => metric in row)
          .map(metric => `${metric}=${short(row[metric])}`)
          .join(' ')
      } catch (error) {
        failures.push(`${name}, round ${round + 1}: ${error.message}`)
        note = `FAILED: ${error.message}`
      }
      const took = short((performance.now() - started) / 1000, 3)
      console.error(`${kase} round ${round + 1}/${rounds} ${name} (${took} s) ${note}`)
    }
  }
  const summary = summarise(samples, CANDIDATES[kase], metrics)
  return { kase, rounds, seconds, metrics, samples, summary, failures }
}

/** In a process of its own, on one CPU: nothing that was loaded or compiled here is in its way. */
async function runMemory({ rounds, seconds }, { processes }) {
  const argv = [process.execPath, `${here}memory.mjs`, String(rounds), String(seconds)]
  try {
    const child = processes.start(argv, ['taskset', '-c', String(allowedCpus().at(-1))])
    return { ...JSON.parse(await child.output(60 + rounds * seconds * 10)), failures: [] }
  } catch (error) {
    return { results: [], failures: [error.message] }
  }
}

function environment() {
  return {
    time: new Date().toISOString(),
    kernel: os.release(),
    machine: os.machine(),
    cpu: os.cpus()[0]?.model,
    cpus: allowedCpus().length,
    node: process.version,
    iperf3: run('iperf3', '--version').split('\n', 1)[0],
    load: os.loadavg(),
  }
}

/** What must not survive this process: it is undone while exiting, whatever the reason. */
function openLab() {
  const lab = { processes: new Processes(), topologies: new Set(), samples: 0 }
  process.on('exit', () => {
    lab.processes.close()
    for (const topology of lab.topologies) topology.remove()
  })
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(name, () => process.exit(128 + os.constants.signals[name]))
  }
  return lab
}

async function main(argv) {
  const options = parseOptions(argv)
  if (options.help) {
    process.stdout.write(HELP)
    return 0
  }
  const stop = obstacle(options)
  if (stop !== undefined) throw new Error(stop)
  run('make', '-s', '-C', here)

  const print = options.json === '-' ? console.error : console.log
  const lab = openLab()
  const report = { environment: environment(), cases: [] }
  for (const kase of options.cases) {
    const result = await runCase(kase, options, lab)
    report.cases.push(result)
    print(`${caseTable(result)}\n`)
  }
  if (options.parts.includes('memory')) {
    console.error('memory')
    report.memory = await runMemory(options, lab)
    print(memoryTable(report.memory))
  }
  const json = `${JSON.stringify(report, undefined, 1)}\n`
  if (options.json === '-') process.stdout.write(json)
  else if (options.json !== undefined) writeFileSync(options.json, json)
  return [...report.cases, report.memory].some(part => part?.failures.length > 0) ? 1 : 0
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  console.error(`bench: ${error.message}`)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
