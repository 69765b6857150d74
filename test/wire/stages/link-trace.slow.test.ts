import { expect, test } from 'vitest'
import { trace } from '#src/wire/stages/trace.ts'

test('a trace of more than a million rows is refused', () => {
  const text = `time,loss\n${Array.from({ length: 1_000_001 }, (_, i) => `${i},0`).join('\n')}`
  expect(() => trace(text)).toThrow('trace, line 1000002: more than 1000000 rows')
})
