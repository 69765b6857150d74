/**
 * No page and no message takes a package of this project from npm's registry. It is not there, and
 * anyone could register its name.
 */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { manifestOf, PACKAGES } from '../../scripts/packages.mjs'
import { filesIn } from '../../scripts/project-files.mjs'

const names = PACKAGES.map(folder => manifestOf(folder).name as string)
const name = `(?:${names.join('|')})(?![\\w./-])`

/** Commands that take a package from the registry if none of this name is installed. */
const FETCHES = new RegExp(
  [
    `\\b(?:npx|pnpx|bunx|npm exec|npm x|pnpm dlx|yarn dlx)\\s+(?!--no-install\\b)(?:-\\S+\\s+)*${name}`,
    `\\b(?:npm (?:install|i|add)|pnpm (?:install|i|add)|yarn add)\\b[^\`\\n|&;#]*?\\s${name}`,
    '\\b(?:npm (?:create|init)|yarn create|pnpm create) vnet-driver',
  ].join('|'),
)

/** CONTRIBUTING.md says what the commands will be after a release. */
const isRead = (file: string) =>
  /\.(md|ts|tsx|mjs|cjs|js|json|ya?ml|py|go|sh|html)$|(^|\/)Dockerfile/.test(file) &&
  !/^(CHANGELOG|CONTRIBUTING)\.md$|^test\/docs\/install\.test\.ts$/.test(file)

test('the pattern finds commands that would run a stranger, and no others', () => {
  const wrong = [
    'npx vnet run',
    'npx --yes vnet',
    'npx -y @vnet/lab',
    'pnpm dlx vnet',
    'npm exec vnet',
  ]
  wrong.push(
    'npm install vnet',
    'npm i -D vitest @vnet/lab',
    'yarn add vnet',
    'npm create vnet-driver my-driver',
  )
  wrong.push('npm install -g vnet', 'npm init vnet-driver')
  for (const text of wrong) {
    expect(text).toMatch(FETCHES)
  }
  const right = [
    'npx --no-install vnet run',
    'npm install ../vnet/packed/*.tgz',
    'npm run pack lab',
    'npx vitest run',
  ]
  right.push(
    'npm install --save-dev ../vnet/packed/*.tgz vitest@4',
    'npm install ../vnet',
    'vnet run -- npm install',
  )
  for (const text of right) {
    expect(text).not.toMatch(FETCHES)
  }
})

test('no page and no message takes vnet from the registry', () => {
  const files = filesIn('.').filter(isRead)
  expect(files.length).toBeGreaterThan(1000)
  const found = files.flatMap(file =>
    readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((line, i) => (FETCHES.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : [])),
  )
  expect(found).toEqual([])
})
