/** Names of vnet that a driver uses without an import. */
import { expect, test } from 'vitest'
import { checkInMemory, exerciseOf, solutionOf, withDriverFile } from '#support/course.ts'

async function failureWithout(name: string, line: string) {
  const exercise = await exerciseOf(name)
  const results = await withDriverFile(solutionOf(name).replace(line, ''), file =>
    checkInMemory(exercise, file),
  )
  return results.at(-1)
}

test.each([
  ['01-drop', '  ETH_P_IP,\n', 'ETH_P_IP', 'vnet'],
  ['02-mirror', '  netifRx,\n', 'netifRx', 'vnet'],
  ['23-tx-ring', '  dmaRmb,\n', 'dmaRmb', 'vnet/pci'],
  ['18-silent', "import { flipNetwork } from 'vnet/drivers'\n", 'flipNetwork', 'vnet/drivers'],
])(
  'a driver of %s without its import of %j gets the import of %s',
  async (name, line, missing, from) => {
    expect(await failureWithout(name, line)).toMatchObject({
      result: 'failed',
      seen: expect.stringContaining(`ReferenceError: ${missing} is not defined`),
      expected: `${missing} in an import: import { ${missing} } from '${from}'`,
    })
  },
)

test('a name that vnet does not have has no advice about imports', async () => {
  const failure = await failureWithout('02-mirror', '  const source = ipv4.source(bytes, nh)\n')
  expect(failure?.logged?.join()).toContain('ReferenceError: source is not defined')
  expect(failure?.expected).not.toContain('import')
})
