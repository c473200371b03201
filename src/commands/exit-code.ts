/** 0: nothing wrong. 1: something was skipped, or would not work. 2: usage or input error. */
export type ExitCode = 0 | 1 | 2;
