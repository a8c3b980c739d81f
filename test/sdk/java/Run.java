import statuslist.ApiClient;
import statuslist.ApiException;
import statuslist.ApiResponse;
import statuslist.api.IssuerApi;
import statuslist.model.Problem;
import statuslist.model.Reference;
import statuslist.model.References;
import statuslist.model.Update;

/** Run BASE KEY: reserves a reference, revokes it, and is refused for an index that is not there; by the classes that openapi-generator makes. */
public class Run {
    public static void main(String[] words) throws Exception {
        ApiClient client = new ApiClient();
        client.updateBaseUri(words[0]);
        client.setRequestInterceptor(request -> request.header("X-Api-Key", words[1]));
        IssuerApi api = new IssuerApi(client);
        References reserved = api.reserve("tests", 2, null);
        Reference reference = reserved.getReferences().get(0);
        Update update = new Update().uri(reference.getUri()).index(reference.getIndex()).value(1);
        ApiResponse<Void> done = api.updateWithHttpInfo(update, null);
        String version = done.getHeaders().entrySet().stream()
            .filter(field -> field.getKey().equalsIgnoreCase("Status-List-Version")).findFirst().orElseThrow().getValue().get(0);
        try {
            api.update(update.index(4294967295L), null);
            throw new AssertionError("not refused");
        } catch (ApiException e) {
            Problem problem = ApiClient.createDefaultObjectMapper().readValue(e.getResponseBody(), Problem.class);
            System.out.printf("{\"references\": %d, \"updated\": %d, \"version\": \"%s\", \"status\": %d, \"code\": \"%s\"}%n",
                reserved.getReferences().size(), done.getStatusCode(), version, problem.getStatus(), problem.getCode().getValue());
        }
    }
}
