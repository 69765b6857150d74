/** Each mistake of mistakes.mjs is found, with its line. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Finding } from '#src/netdev/debug/hooks.ts'

const file = fileURLToPath(new URL('../../../netdev/debug/mistakes.mjs', import.meta.url))

interface Expected {
  readonly name: string
  readonly rule: string
  readonly place: string
}

function expectedIn(lines: readonly string[]): Expected[] {
  let name = ''
  return lines.flatMap((line, i) => {
    name = /^ {2}'(.*)': \{$/.exec(line)?.[1] ?? name
    const rule = /\/\/ <- ([\w-]+)$/.exec(line)?.[1]
    // A marker on a line of its own is below the line.
    return rule === undefined
      ? []
      : [{ name, rule, place: `${file}:${/^\s*\/\//.test(line) ? i : i + 1}` }]
  })
}

const mistakes = expectedIn(readFileSync(file, 'utf8').split('\n'))
let found: Record<string, { findings: Finding[]; log: string[]; says: string }> = {}

beforeAll(() => {
  found = JSON.parse(execFileSync(process.execPath, [file], { encoding: 'utf8' }))
})

describe('a driver with a mistake', () => {
  test('the checker has more than 25 mistakes to find', () => {
    expect(mistakes.length).toBeGreaterThan(25)
    expect(Object.keys(found)).toEqual(mistakes.map(({ name }) => name))
  })

  test.each(mistakes)(
    'the checker finds a mistake by its line: $name ($rule)',
    ({ name, rule, place }) => {
      const { findings, log, says } = found[name] as {
        findings: Finding[]
        log: string[]
        says: string
      }
      const message = expect.stringContaining(says)
      expect(findings).toContainEqual(expect.objectContaining({ rule, place, message }))
      // Frames that the driver leaks besides are found too, but nothing else is.
      const others = findings.filter(other => other.place !== place)
      expect(others).toEqual([])
      if (rule === 'exception') return
      expect(log.find(line => /^(m\d: )?debug: /.test(line))).toContain(`debug: ${rule}: `)
      expect(log.find(line => line.includes(`debug: ${rule}: `))).toContain(`, at ${place}; `)
    },
  )

  test('the checker reports which frame uses the slot of a freed frame now', () => {
    const [finding] = found['a freed frame whose slot is used again']?.findings ?? []
    expect(finding?.message).toMatch(/freed at .*mistakes\.mjs:\d+; its slot now has another frame/)
  })

  test('the checker logs a queue that remains stopped once', () => {
    const lines = found['a queue that is never woken']?.log.filter(line =>
      line.includes('queue-stopped'),
    )
    expect(lines).toEqual([expect.stringContaining('stopped for more than 5 s')])
  })

  test('the checker shows a frame with a wrong checksum', () => {
    const [finding] = found['a checksum claimed that is wrong']?.findings ?? []
    expect(finding?.message).toContain(': IP 198.18.0.1.50000 > 198.18.0.2.9: UDP, length 18, at ')
  })

  test('the checker counts the frames of each place at the end', () => {
    const [finding] = found['frames that stay in a ring']?.findings ?? []
    expect(finding?.message).toMatch(/^2 frames neither handed on nor freed, at /)
  })
})
