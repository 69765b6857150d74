import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'

const release = (env: NodeJS.ProcessEnv, ...words: string[]) => {
  const options = { encoding: 'utf8', env: { ...process.env, ...env } } as const
  const { status, stderr } = spawnSync(process.execPath, ['scripts/release.mjs', ...words], options)
  return [status, stderr]
}

test('an unknown option of the release is refused before anything is built', () => {
  expect(release({}, '--dry')).toEqual([
    2,
    'release: --dry is not an option: use --dry-run or none\n',
  ])
})

test('a tag that is not the version of both packages is refused before anything is built', () => {
  const [status, stderr] = release(
    { GITHUB_REF_TYPE: 'tag', GITHUB_REF_NAME: 'v0.0.1' },
    '--dry-run',
  )
  expect([status, stderr]).toEqual([
    1,
    expect.stringMatching(/^release: the tag is v0\.0\.1, but the version \S+\n$/),
  ])
})
