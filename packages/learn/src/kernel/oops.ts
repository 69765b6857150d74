/** Reads what the kernel of the virtual machine printed, and finds the learner's line in it. */
import { spawnSync } from 'node:child_process'

/** The kernel's lines that start a report, after the time. */
const REPORT =
  /^(?:BUG: |Oops: |general protection fault|WARNING: |kernel BUG at|watchdog: BUG: |Kernel panic|list_(?:add|del) corruption|INFO: |rcu: INFO: )/
/** Reports that end the kernel, because of oops=panic and softlockup_panic. */
const FATAL = /^(?!WARNING: |INFO: |rcu: )/
/** Lines of the kernel's own that have no importance here. */
const USUAL =
  /loading out-of-tree module|module verification failed|^random: |^tsc: |^clocksource: |^process '|^NETDEV WATCHDOG/
const TIME = /^(?:<\d>)?\[ *\d+\.\d+\](?:\[ *[CT]\d+\])? /

const withoutTime = (line: string): string => line.replace(TIME, '').trim()

/**
 * Returns the reports of a console, in order: what is reported, such as `BUG: kernel NULL pointer
 * dereference`, and its places in the module, innermost first: `ring_start_xmit+0x1a/0x80`.
 */
export function reportsIn(console: string, module: string) {
  const reports: { what: string; isFatal: boolean; places: string[] }[] = []
  const place = /^(RIP: \w+:)?(\? )?([\w.]+\+0x[0-9a-f]+\/0x[0-9a-f]+)(?: \[(\w+)[^\]]*\])?/
  for (const line of console.split('\n').map(withoutTime)) {
    if (REPORT.test(line)) {
      const last = reports.at(-1)
      // One oops prints several of them.
      if (last?.isFatal) continue
      reports.push({ what: line, isFatal: FATAL.test(line), places: [] })
    }
    const [, , unsure, where, owner] = place.exec(line) ?? []
    if (where !== undefined && owner === module && unsure === undefined) reports.at(-1)?.places.push(where)
  }
  return reports
}

/** Returns the warnings and errors that the module itself printed, each once. */
export function complaintsIn(console: string): string[] {
  const lines = console.split('\n').filter(line => TIME.test(line))
  // A report has many lines, all of which are explained together.
  const end = lines.findIndex(line => REPORT.test(withoutTime(line)) || line.includes('------------['))
  const before = (end === -1 ? lines : lines.slice(0, end)).map(withoutTime)
  return [...new Set(before)].filter(line => line !== '' && !USUAL.test(line))
}

/** Returns `FILE:LINE` of a place in the module `ko`; undefined without debug information of it. */
export function lineOf(place: string, ko: string, file: string): string | undefined {
  const [, symbol, offset] = /^([\w.]+)\+(0x[0-9a-f]+)\//.exec(place) ?? []
  if (symbol === undefined || offset === undefined) return undefined
  const symbols = spawnSync('objdump', ['-t', ko], { encoding: 'utf8' }).stdout
  // VALUE FLAGS SECTION SIZE NAME
  const found = new RegExp(
    `^([0-9a-f]+) .{7} (\\S+)\\s+[0-9a-f]+ (?:\\.hidden )?${symbol.replaceAll('.', '\\.')}$`,
    'm',
  ).exec(symbols)
  if (found === null) return undefined
  const [, value = '0', section = '.text'] = found
  const at = Number.parseInt(value, 16) + Number(offset)
  const { stdout } = spawnSync('addr2line', ['-i', '-j', section, '-e', ko, `0x${at.toString(16)}`], {
    encoding: 'utf8',
  })
  // Inlined functions come first: lines of headers mean nothing to a learner.
  const name = file.slice(file.lastIndexOf('/') + 1)
  const line = stdout.split('\n').find(each => each.includes(`/${name}:`) && !each.endsWith('?'))
  return line === undefined ? undefined : `${file}:${/:(\d+)/.exec(line)?.[1]}`
}
