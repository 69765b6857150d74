/**
 * The coverage provider @vitest/coverage-v8, in a third of the time. Without these changes it keeps
 * the coverage of test files too, compiles its patterns again for each file, merges the result of
 * each test file into the results so far, and converts all of src once per project.
 */

import { existsSync, readdirSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import v8 from '@vitest/coverage-v8'

const root = resolve(import.meta.dirname, '..')
const packages = readdirSync(join(root, 'packages')).map(name => `packages/${name}/src`)
/** The folders with code to measure: of the core and of the packages. */
const folders = ['src', ...packages].map(name => join(root, name)).filter(existsSync)

const urls = folders.map(folder => `${pathToFileURL(folder)}/`)

const isIncluded = path => /^(packages\/\w+\/)?src\/.*(?<!\.d)\.tsx?$/.test(relative(root, path))

// biome-ignore lint/style/noDefaultExport: vitest loads a coverage provider by the default export.
export default {
  ...v8,

  async takeCoverage(options) {
    const { result } = await v8.takeCoverage(options)
    return { result: result.filter(({ url }) => urls.some(start => url.startsWith(start))) }
  },

  async getProvider() {
    const provider = await v8.getProvider()
    const { onAfterSuiteRun, readCoverageFiles } = provider
    let projectName
    return Object.assign(provider, {
      isIncluded,
      onAfterSuiteRun(taken) {
        projectName ??= taken.projectName
        onAfterSuiteRun.call(provider, { ...taken, projectName })
      },
      readCoverageFiles({ onFileRead, onFinished, onDebug }) {
        const result = []
        return readCoverageFiles.call(provider, {
          onFileRead: file => result.push(...file.result),
          onFinished(...where) {
            onFileRead({ result })
            return onFinished(...where)
          },
          onDebug,
        })
      },
      async getUntestedFiles(tested) {
        const files = folders.flatMap(src =>
          readdirSync(src, { recursive: true }).map(name => join(src, name)),
        )
        return files.filter(file => isIncluded(file) && !tested.includes(file))
      },
    })
  },
}
