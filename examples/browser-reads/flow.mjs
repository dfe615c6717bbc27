// What the page does; the same file runs in the browser (page.mjs) and in Node (run.mjs). It knows public ids, never a key.
import * as Cognito from "amazon-cognito-identity-js";
import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { fromCognitoIdentityPool } from "@aws-sdk/credential-provider-cognito-identity";

export class Reader {
  // place has the ids of the pools and the table; its endpoint may be left to AWS_ENDPOINT_URL where there is an environment.
  constructor(place) {
    this.place = place;
    this.users = new Cognito.CognitoUserPool({ UserPoolId: place.userPool, ClientId: place.client, endpoint: place.endpoint });
    this.signedOut();
  }

  signedOut() { this.use({}); }

  // use takes credentials for the logins: anonymous ones for none.
  use(logins) {
    const { region, endpoint, identityPool } = this.place;
    const credentials = fromCognitoIdentityPool({ identityPoolId: identityPool, logins, clientConfig: { region, endpoint } });
    this.rows = new DynamoDBClient({ region, endpoint, credentials });
  }

  signUp(name, email, password) {
    const attributes = [new Cognito.CognitoUserAttribute({ Name: "email", Value: email })];
    return new Promise((resolve, reject) => this.users.signUp(name, password, attributes, [], (e, r) => (e ? reject(e) : resolve(r))));
  }

  confirm(name, code) {
    return new Promise((resolve, reject) => this.user(name).confirmRegistration(code, false, (e, r) => (e ? reject(e) : resolve(r))));
  }

  // signIn returns the user and the organisation that the ID token names.
  signIn(name, password) {
    const user = this.user(name), { region, userPool } = this.place;
    return new Promise((resolve, reject) => user.authenticateUser(new Cognito.AuthenticationDetails({ Username: name, Password: password }), {
      onFailure: reject,
      onSuccess: (session) => {
        this.use({ [`cognito-idp.${region}.amazonaws.com/${userPool}`]: session.getIdToken().getJwtToken() });
        resolve({ user, org: session.getIdToken().payload["custom:org"] });
      },
    }));
  }

  user(name) { return new Cognito.CognitoUser({ Username: name, Pool: this.users }); }

  // read returns the text of a row, straight from the table.
  async read(pk) {
    const { Item } = await this.rows.send(new GetItemCommand({ TableName: this.place.table, Key: { pk: { S: pk } } }));
    return Item?.text.S;
  }
}
