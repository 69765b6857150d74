import { Buffer } from 'node:buffer'
import { expect, test } from 'vitest'
import { trialOutput } from '../src/output.ts'

function trial() {
  const written: string[] = []
  const output = trialOutput(
    (stream, text) => written.push(`${stream} ${text}`),
    line => written.push(line),
  )
  return {
    written,
    output,
    take: (stream: 'out' | 'err', text: string) => output.take(stream, Buffer.from(text)),
  }
}

test('a run that starts again passes on only what comes after the output of the run before', () => {
  const { written, output, take } = trial()
  take('out', 'one\n')
  take('err', 'error\n')
  output.restart()
  take('out', 'on')
  take('out', 'e\ntwo\n')
  take('err', 'error\nmore\n')
  output.restart()
  take('out', 'one\ntwo\nthree\n')
  expect(written).toEqual(['out one\n', 'err error\n', 'out two\n', 'err more\n', 'out three\n'])
})

test('output beyond the first MiB appears once, too', () => {
  const { written, output, take } = trial()
  const text = `${'0123456789abcde\n'.repeat(1 << 17)}`
  take('out', text)
  output.restart()
  for (let at = 0; at < text.length; at += 300_000) {
    take('out', text.slice(at, at + 300_000))
  }
  take('out', 'more\n')
  expect(written.join('') === `out ${text}out more\n`).toBe(true)
})

test('a run with other output passes it on from there, after a line', () => {
  const { written, output, take } = trial()
  take('out', 'at 1 ms\n')
  take('out', 'end\n')
  output.restart()
  take('out', 'at 2 ms\n')
  take('out', 'end\n')
  expect(written).toEqual([
    'out at 1 ms\n',
    'out end\n',
    'the output of the new run differs from here',
    'out at 2 ms\n',
    'out end\n',
  ])
})
