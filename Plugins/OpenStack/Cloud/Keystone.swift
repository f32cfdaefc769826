import JSON

/// The body of `POST /v3/auth/tokens` for each way to log in.
enum Keystone {
    static func login(_ settings: CloudSettings) -> JSON {
        var identity: JSON
        var isScopedByItself = false
        switch settings.credential {
        case .password(let user, let domain, let password):
            var fields = user.json
            if case .name = user { fields["domain"] = domain.json }
            fields["password"] = .string(password)
            identity = ["methods": ["password"], "password": ["user": fields]]
        case .applicationCredential(let id, let secret):
            isScopedByItself = true
            identity = ["methods": ["application_credential"], "application_credential": ["id": .string(id), "secret": .string(secret)]]
        case .namedApplicationCredential(let name, let user, let domain, let secret):
            isScopedByItself = true
            var fields = user.json
            if case .name = user { fields["domain"] = domain.json }
            identity = [
                "methods": ["application_credential"],
                "application_credential": ["name": .string(name), "user": fields, "secret": .string(secret)],
            ]
        case .token(let token):
            identity = ["methods": ["token"], "token": ["id": .string(token)]]
        }
        var auth: JSON = ["identity": identity]
        // An application credential brings its scope; Keystone refuses another.
        if !isScopedByItself { auth["scope"] = scope(settings) }
        return ["auth": auth]
    }

    private static func scope(_ settings: CloudSettings) -> JSON? {
        if let project = settings.project {
            var fields = project.json
            if case .name = project { fields["domain"] = settings.projectDomain.json }
            return ["project": fields]
        }
        return settings.domainScope.map { ["domain": $0.json] }
    }
}
