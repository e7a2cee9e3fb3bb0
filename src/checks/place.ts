/** The test that a check belongs to. */
export interface Place {
  /** Path relative to the folder of the run. */
  readonly file: string
  /** Full name; undefined where the runner could not tell which of several concurrent tests it was. */
  readonly test: string | undefined
  /** Name of the project of Vitest or Jest, where it has one: several may run the same file. */
  readonly project?: string | undefined
}

/** Project, file and full name of the test, as Vitest writes them. */
export function placeName({ file, test, project }: Place): string {
  return inProject(project, test === undefined ? file : `${file} > ${test}`)
}

/** The same without the file where the test is known. */
export function testName({ file, test, project }: Place): string {
  return inProject(project, test ?? file)
}

function inProject(project: string | undefined, name: string): string {
  return project === undefined ? name : `|${project}| ${name}`
}
