package main

import (
	"fmt"
	"io"
	"reflect"
	"strings"
)

// shells are those that can be taught to complete the command line.
const shells = "bash fish powershell zsh"

// completions write what teaches each of them.
var completions = map[string]func(io.Writer, []field){"bash": completeBash, "fish": completeFish, "powershell": completePowershell, "zsh": completeZsh}

// words may stand where a Component's name does.
const words = "version completion"

func (f field) toggle() bool { return f.Type.Kind() == reflect.Bool }

// choices are the values that a setting takes, "" when they cannot be told.
func (f field) choices() string { return f.Tag.Get("oneof") }

// valueName is the value's, in the help.
func (f field) valueName() string {
	if choices := f.choices(); choices != "" {
		return strings.ReplaceAll(choices, " ", "|")
	}
	return f.Tag.Get("arg")
}

// names are the flag's, with a dash.
func (f field) names() []string {
	names := []string{flagName(f.env)}
	if short := f.Tag.Get("short"); short != "" {
		names = append(names, "-"+short)
	}
	return names
}

// values is how a shell is told what a flag takes: nothing, one of some choices, a file, a
// folder, or something else, whose name is known.
type values struct{ none, choices, file, folder, other string }

func (f field) of(v values) string {
	switch arg := f.Tag.Get("arg"); {
	case f.toggle():
		return v.none
	case f.choices() != "":
		return strings.ReplaceAll(v.choices, "CHOICES", f.choices())
	case arg == "FILE":
		return v.file
	case arg == "DIR":
		return v.folder
	default:
		return strings.ReplaceAll(v.other, "ARG", arg)
	}
}

func flagNames(all []field) string {
	names := []string{"--help", "--version"}
	for _, f := range all {
		names = append(names, f.names()...)
	}
	return strings.Join(names, " ")
}

func completeBash(w io.Writer, all []field) {
	_, _ = fmt.Fprint(w, `# source <(berth completion bash)
_berth() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
  case $prev in
`)
	replies := values{
		choices: `COMPREPLY=($(compgen -W "CHOICES" -- "$cur"))`,
		file:    `compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur"))`,
		folder:  `compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur"))`,
		other:   "COMPREPLY=()",
	}
	for _, f := range all {
		if reply := f.of(replies); reply != "" {
			_, _ = fmt.Fprintf(w, "    %s) %s; return ;;\n", strings.Join(f.names(), "|"), reply)
		}
	}
	_, _ = fmt.Fprintf(w, `    completion) COMPREPLY=($(compgen -W "%s" -- "$cur")); return ;;
  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "%s" -- "$cur"))
  else
    COMPREPLY=($(compgen -W "%s" -- "$cur"))
  fi
}
complete -F _berth berth
`, shells, flagNames(all), words)
}

func completeZsh(w io.Writer, all []field) {
	_, _ = fmt.Fprint(w, "#compdef berth\n# source <(berth completion zsh)\n_berth() {\n  _arguments -S \\\n")
	plain := strings.NewReplacer("'", `'\''`, "[", `\[`, "]", `\]`, ":", `\:`)
	for _, f := range all {
		value := f.of(values{choices: ":value:(CHOICES)", file: ":FILE:_files", folder: ":DIR:_files -/", other: ":ARG:"})
		for _, name := range f.names() {
			sets := name
			if !f.toggle() && strings.HasPrefix(name, "--") {
				sets += "="
			}
			again := ""
			if f.Type.Kind() == reflect.Slice {
				again = "*"
			}
			_, _ = fmt.Fprintf(w, "    '%s%s[%s]%s' \\\n", again, sets, plain.Replace(f.Tag.Get("help")), value)
		}
	}
	_, _ = fmt.Fprintf(w, "    '1:NAMESPACE/NAME:(%s)' '2:SHELL:(%s)'\n}\ncompdef _berth berth\n", words, shells)
}

func completeFish(w io.Writer, all []field) {
	_, _ = fmt.Fprintf(w, "# berth completion fish | source\ncomplete -c berth -f -n '__fish_is_nth_token 1' -a '%s'\n", words)
	_, _ = fmt.Fprintf(w, "complete -c berth -f -n '__fish_seen_subcommand_from completion' -a '%s'\n", shells)
	plain := strings.NewReplacer(`\`, `\\`, "'", `\'`)
	for _, f := range all {
		value := f.of(values{choices: " -x -a 'CHOICES'", file: " -r -F", folder: " -x -a '(__fish_complete_directories)'", other: " -x"})
		if short := f.Tag.Get("short"); short != "" {
			value = " -s " + short + value
		}
		_, _ = fmt.Fprintf(w, "complete -c berth -l %s%s -d '%s'\n", flagName(f.env)[2:], value, plain.Replace(f.Tag.Get("help")))
	}
}

func completePowershell(w io.Writer, all []field) {
	_, _ = fmt.Fprint(w, `# berth completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName berth -ScriptBlock {
  param($word, $line, $position)
  $values = @{
`)
	for _, f := range all {
		if f.choices() != "" {
			for _, name := range f.names() {
				_, _ = fmt.Fprintf(w, "    '%s' = '%s'\n", name, f.choices())
			}
		}
	}
	_, _ = fmt.Fprintf(w, `    'completion' = '%s'
  }
  $typed = @($line.CommandElements | Where-Object { $_.Extent.EndOffset -lt $position } | ForEach-Object { "$_" })
  $offer = '%s'
  if ($word -like '-*') { $offer = '%s' } elseif ($values.ContainsKey($typed[-1])) { $offer = $values[$typed[-1]] }
  $offer -split ' ' | Where-Object { $_ -like "$word*" } | ForEach-Object { [System.Management.Automation.CompletionResult]::new($_) }
}
`, shells, words, flagNames(all))
}
