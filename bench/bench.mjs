/**
 * `npm run bench`: compares vnet with kernel veth, with C and with npm packages, side by side in
 * one run. Candidates are interleaved round by round, so that slow drift of the machine hits all of
 * them alike. See README.md here.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { charts } from './charts.mjs'
import { compare } from './compare.mjs'
import { openTable } from './document.mjs'
import { environment, obstacle } from './environment.mjs'
import { HELP, parseOptions, UsageError } from './options.mjs'
import { Processes, run } from './processes.mjs'
import { caseTable, comparison, memoryTable, policyLine, reportJson } from './report.mjs'
import { runCase, runMemory } from './run.mjs'
import { targetsTable } from './targets.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))

/** The processes and network namespaces to remove on exit, whatever the reason. */
function openLab() {
  const lab = { processes: new Processes(), topologies: new Set(), samples: 0 }
  process.on('exit', () => {
    lab.processes.close()
    for (const topology of lab.topologies) {
      topology.remove()
    }
  })
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(name, () => process.exit(128 + os.constants.signals[name]))
  }
  return lab
}

async function measure(options, print) {
  const stop = obstacle(Object.keys(options.cases).length > 0)
  if (stop !== undefined) throw new Error(stop)
  run('make', '-s', '-C', here)
  const lab = openLab()
  const report = { environment: environment(), cases: [] }
  print(`${policyLine(report.environment)}\n`)
  for (const [name, kase] of Object.entries(options.cases)) {
    const result = await runCase(name, kase, options, lab)
    report.cases.push(result)
    print(`${caseTable(result)}\n`)
  }
  if (options.memory) {
    console.error('memory')
    report.memory = await runMemory(options, lab)
    print(`${memoryTable(report.memory)}\n`)
  }
  return report
}

/** Reads an earlier report. Throws one line if the file is not a report. */
function readReport(file) {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8'))
    if (!Array.isArray(report.cases)) throw new Error('not a report of this benchmark')
    return report
  } catch (error) {
    throw new Error(`${file}: ${error.message}`)
  }
}

function showAgain(report, print) {
  for (const result of report.cases) {
    print(`${caseTable(result)}\n`)
  }
  if (report.memory !== undefined) {
    print(`${memoryTable(report.memory)}\n`)
  }
  return report
}

/** Writes the charts of a report: all, or only the charts that a page shows. */
function draw(report, directory, page) {
  mkdirSync(directory, { recursive: true })
  for (const [name, svg] of Object.entries(charts(report))) {
    if (page?.includes(`/${name}.svg)`) ?? true) {
      writeFileSync(path.join(directory, `${name}.svg`), svg)
    }
  }
}

async function main(argv) {
  const options = parseOptions(argv)
  if (options.help) {
    process.stdout.write(HELP)
    return 0
  }
  const print = options.json === '-' ? console.error : console.log
  const { from, compare: older, json, charts: directory, targets } = options
  // Read before the measurement, which a bad file would make useless.
  const before = older === undefined ? undefined : readReport(older)
  const table = targets === undefined ? undefined : openTable(targets, 'targets')
  // The figures of site.mjs are in the same file.
  const { site } = table !== undefined && existsSync(json ?? '') ? readReport(json) : {}
  const report =
    from === undefined
      ? { ...(await measure(options, print)), site }
      : showAgain(readReport(from), print)
  const text = reportJson(report)
  if (json === '-') {
    process.stdout.write(text)
  } else if (json !== undefined) {
    writeFileSync(json, text)
  }
  if (directory !== undefined) {
    draw(report, directory, table?.text)
  }
  table?.write(targetsTable(report))
  const found = before && compare(before, report)
  if (found !== undefined) {
    print(comparison(found))
  }
  const failed = [...report.cases, report.memory].some(part => part?.failures.length > 0)
  return failed || found?.worse.length > 0 ? 1 : 0
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  console.error(`bench: ${error.message}`)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
