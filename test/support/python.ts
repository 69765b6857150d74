/** Programs in Python. */
import { existsSync } from 'node:fs'

/** The system's Python: the shell scripts of pyenv take ten times its CPU time. */
export const PYTHON = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3'
