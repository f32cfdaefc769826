/// Completion of words and options for a shell, from the table of commands: what `--help` knows, the shell knows.
struct Completion {
    let commands: [any Command.Type]

    /// For each path of words, what may follow: the next words, then options.
    private var choices: [(path: [String], words: [String])] {
        let shown = commands.filter { !$0.isHidden }
        var paths: [[String]] = [[]]
        for command in shown {
            for count in 1...command.path.count where !paths.contains(Array(command.path.prefix(count))) {
                paths.append(Array(command.path.prefix(count)))
            }
        }
        return paths.map { path in
            let next = shown.filter { $0.path.count > path.count && $0.path.starts(with: path) }.map { $0.path[path.count] }
            let own = shown.first { $0.path == path }?.options ?? []
            var words: [String] = []
            for word in next + (own + OptionSpec.global).flatMap(\.names) where !words.contains(word) { words.append(word) }
            return (path, words)
        }
    }

    /// The options that want a value, as a pattern of the shell; those alone whose value is a file or folder, if `files`.
    private func wanting(files: Bool) -> String {
        let all = commands.flatMap { $0.options } + OptionSpec.global
        var names: [String] = []
        for option in all where files ? ["FILE", "DIR", "PATH"].contains(option.value) : option.value != nil {
            for name in option.names where !names.contains(name) { names.append(name) }
        }
        return names.joined(separator: "|")
    }

    /// `source <(berth completion bash)`
    var bash: String {
        """
        # Completion of berth for bash.
        _berth() {
            local word path="" skip="" current=${COMP_WORDS[COMP_CWORD]} words
            COMPREPLY=()
            case ${COMP_WORDS[COMP_CWORD-1]} in
                \(wanting(files: true))) COMPREPLY=($(compgen -f -- "$current")); return ;;
            esac
            for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
                [ -z "$skip" ] || { skip=""; continue; }
                case $word in
                    \(wanting(files: false))) skip=yes ;;
                    -*) ;;
                    *) case "$path $word" in
        \(choices.dropFirst().map { "                " + "\" \($0.path.joined(separator: " "))\") path=\"$path $word\" ;;" }.joined(separator: "\n"))
                    esac ;;
                esac
            done
            case $path in
        \(choices.map { "        " + "\"\($0.path.map { " \($0)" }.joined())\") words=\"\($0.words.joined(separator: " "))\" ;;" }.joined(separator: "\n"))
            esac
            case $current in
                -*) ;;
                *) words=$(for word in $words; do case $word in -*) ;; *) echo "$word" ;; esac; done) ;;
            esac
            COMPREPLY=($(compgen -W "$words" -- "$current"))
            [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "$current"))
        }
        complete -F _berth berth
        """
    }

    /// For a folder in `fpath`, as `_berth`; zsh runs bash's function.
    var zsh: String {
        """
        #compdef berth
        autoload -U +X bashcompinit && bashcompinit
        \(bash)
        """
    }
}
