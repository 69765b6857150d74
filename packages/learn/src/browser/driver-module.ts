/** Makes the text of a driver a module that imports the bundle as 'vnet'. */
import { parse } from 'es-module-lexer/js'
import { type Driver, UsageError } from 'vnet'
import { describeException } from 'vnet/kit/base'
import { addDriverText } from 'vnet/kit/debug'
import { exportedDriver } from 'vnet/kit/netdev'
import { OURS, refusedImport } from '../exercise-files.ts'

/** An import of a driver: where its specifier is in the text, without quotes, and the statement. */
type Import = Readonly<{ name: string; from: number; to: number; statement: string; line: number }>

const urlOf = (name: string): string =>
  new URL(`${name.replace('/', '-')}.js`, import.meta.url).href

/** Loads the modules that the text imports, which may take the network its time. */
export async function loadImports(text: string): Promise<void> {
  const names = importsOf(text)
    .map(({ name }) => name)
    .filter(name => OURS.test(name))
  await Promise.all(names.map(name => import(urlOf(name))))
}

/**
 * Returns the driver of a text. Rejects with a UsageError if the text does not load or exports no
 * driver. `syntaxError` is the place of an error in the text, as `4:13`, which only a page can find
 * (syntaxErrorIn).
 */
export async function driverOf(text: string, file: string, syntaxError?: string): Promise<Driver> {
  const imports = importsOf(text)
  const url = URL.createObjectURL(
    new Blob([linked(text, file, imports)], { type: 'text/javascript' }),
  )
  addDriverText(file, text)
  let module: Record<string, unknown>
  try {
    // Stacks then have the file's name: stackFrame reads it.
    module = await import(`${url}#${encodeURI(file)}`)
  } catch (error) {
    throw notLoaded(
      file,
      describeException(error),
      error instanceof SyntaxError ? syntaxError : undefined,
      imports,
    )
  } finally {
    URL.revokeObjectURL(url)
  }
  return exportedDriver(module, file)
}

function importsOf(text: string): Import[] {
  try {
    const [found] = parse(text)
    return found.flatMap(({ n: name, s, e, ss, se, d }) => {
      // The quotes of a dynamic import belong to its expression.
      const quote = d >= 0 ? 1 : 0
      const line = text.slice(0, ss).split('\n').length
      // import.meta.
      if (d === -2) return []
      // A computed name is refused: its value is unknown until the driver runs.
      return [
        {
          name: name ?? text.slice(ss, se),
          from: s + quote,
          to: e - quote,
          statement: text.slice(ss, se),
          line,
        },
      ]
    })
  } catch {
    // The engine describes the error better.
    return []
  }
}

/** Returns the text with URLs in its imports, on the same lines. */
function linked(text: string, file: string, imports: readonly Import[]): string {
  const refused = imports.find(({ name }) => !OURS.test(name))
  if (refused !== undefined) throw notLoaded(file, `Error: ${refusedImport(file, refused.name)}`)
  return imports.reduceRight(
    (code, { name, from, to }) => code.slice(0, from) + urlOf(name) + code.slice(to),
    text,
  )
}

/** `what` may name a module by its URL, and a name that it does not export. */
function notLoaded(
  file: string,
  what: string,
  syntaxError?: string,
  imports: readonly Import[] = [],
): UsageError {
  const found = imports.find(({ name }) => what.includes(urlOf(name)))
  const [, missing = ''] = /export named:? '(.*)'/.exec(what) ?? []
  const before = found?.statement
    .slice(0, Math.max(found.statement.indexOf(missing), 0))
    .split('\n')
  const place = found && before ? `${found.line + before.length - 1}` : syntaxError
  const text = found === undefined ? what : what.replaceAll(urlOf(found.name), found.name)
  return new UsageError(
    `${file} does not load: ${text}${place === undefined ? '' : ` (at file://${file}:${place})`}`,
  )
}
