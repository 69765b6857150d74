/** A driver as a file of the visitor's: downloaded as its exercise's folder, opened from either. */
import { jsconfig, packageJson } from '../exercise-files.ts'
import { limitLength } from './kept-driver.ts'
import { textInZip, zipOf } from './zip.ts'

export interface Folder {
  /** `01-drop`. */
  readonly name: string
  /** The file of the driver, `drop.js`. */
  readonly driver: string
  /** The URL of the exercise's page in Markdown. */
  readonly readme: string
}

/** Returns the folder that `vnet learn` makes, with this driver, as a zip file. */
export async function folderWith(text: string, { name, driver, readme }: Folder): Promise<Blob> {
  const response = await fetch(readme)
  if (!response.ok) throw new Error(`${readme}: ${response.status}`)
  const files = {
    'README.md': await response.text(),
    [driver]: text,
    'package.json': packageJson(),
    'jsconfig.json': jsconfig(),
  }
  return zipOf(Object.entries(files).map(([file, content]) => ({ name: `${name}/${file}`, text: content })))
}

/** Returns the driver of a file: its text, or the driver in a zip file. Throws without one. */
export async function driverIn(file: File, driver: string): Promise<string> {
  if (!/\.zip$/i.test(file.name)) {
    limitLength(file.size)
    return file.text()
  }
  const text = await textInZip(new Uint8Array(await file.arrayBuffer()), driver)
  if (text === undefined) throw new Error(`no ${driver} in it`)
  return text
}
