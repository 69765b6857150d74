/** A log line as the program prints it, which is the same on each of its threads. */
import { LOGLEVEL_ERR, LOGLEVEL_INFO, LOGLEVEL_WARNING } from '../base/log.ts'

/** Returns the line with its end: the text, or one JSON object. */
export function logLine(json: boolean, level: number, message: string): string {
  return json ? `${JSON.stringify({ event: 'log', level: levelName(level), message })}\n` : `${message}\n`
}

function levelName(level: number): string {
  if (level <= LOGLEVEL_ERR) return 'error'
  if (level <= LOGLEVEL_WARNING) return 'warning'
  return level <= LOGLEVEL_INFO ? 'info' : 'debug'
}
