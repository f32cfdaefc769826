extension Configuration {
    /// Reads `path` and what it includes. `state` stands for `${state}` in values. All problems are reported at once.
    public static func load(_ path: String, state: String) throws(ConfigurationErrors) -> Configuration {
        try load(path, state: state, files: DiskFiles())
    }

    static func load(_ path: String, state: String, files: some SourceFiles) throws(ConfigurationErrors) -> Configuration {
        var reader = INIReader(files: files, substitutions: ["state": state])
        reader.read(path)
        var builder = ConfigurationBuilder(path: path, sections: reader.sections)
        builder.problems = reader.problems
        builder.build()
        guard builder.problems.isEmpty else {
            let order = Dictionary(reader.read.enumerated().map { ($1, $0) }, uniquingKeysWith: min)
            let sorted = builder.problems.enumerated().sorted { left, right in
                let (first, second) = (left.element.location, right.element.location)
                let places = (order[first.file] ?? .max, order[second.file] ?? .max)
                return (places.0, first.line, left.offset) < (places.1, second.line, right.offset)
            }
            throw ConfigurationErrors(sorted.map { $0.element })
        }
        builder.configuration.files = reader.read
        return builder.configuration
    }
}
