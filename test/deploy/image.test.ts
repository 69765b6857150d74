/** The image of the Dockerfile contains what the commands of vnet open and start. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { BUILT_FILES } from '../../scripts/setup/prebuilds.mjs'

const image = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8')
  .split(/^FROM /m)
  .at(-1) as string

/** Whether the last stage copies this file of the build. */
function hasFile(path: string): boolean {
  const copied = [...image.matchAll(/^COPY --from=build (.*) \S+$/gm)].flatMap(([, from]) =>
    (from as string).split(' '),
  )
  const patterns = copied.map(from => from.replaceAll('.', '\\.').replaceAll('*', '[^/]*'))
  return patterns.some(pattern => new RegExp(`^${pattern}(/|$)`).test(`/vnet/${path}`))
}

test('the image contains the addon, the launchers and the CNI plugin', () => {
  expect(BUILT_FILES.filter(name => !hasFile(`build/Release/${name}`))).toEqual([])
})

test('the image contains the program and the course, which completion reads', () => {
  for (const path of ['package.json', 'dist', 'packages/lan/dist', 'packages/learn/course', 'deploy'])
    expect(hasFile(path)).toBe(true)
})
