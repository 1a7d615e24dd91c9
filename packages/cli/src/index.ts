export { type ExitCode, exitCode } from './exit-code.ts'
export { main } from './main.ts'
