// JavaScript that any Node from 12 reads: it is what tells an old one that it is too old.

const oldest = 24

/** Leaves the process, in one line and with 2, where Node is too old for the program. To be called before anything else is imported. */
export function needsNode(program) {
  if (Number(process.versions.node.split('.')[0]) >= oldest) return
  console.error(
    `${program} needs Node ${oldest} or later and this is ${process.version}. In a clone, \`npx ${program}\` finds the right one.`,
  )
  process.exit(2)
}
